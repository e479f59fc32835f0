"""Platforms: what this machine is, what a user asks for, and which manifest of an index fits best."""

import os
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from registry.oci.descriptor import Descriptor
from runtime.images.errors import InvalidName, NoPlatform

# What the kernel calls a machine, as (architecture, variant) of the image spec.
_MACHINES: Final = {
    "x86_64": ("amd64", ""),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "aarch64": ("arm64", "v8"),
    "armv8l": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "armv5tel": ("arm", "v5"),
    "ppc64le": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
    "loongarch64": ("loong64", ""),
}
_SPELLINGS: Final = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "386",
}
_VARIANTS: Final = {"arm": ("v8", "v7", "v6", "v5"), "amd64": ("v4", "v3", "v2", "v1")}
"""By architecture, each runs those behind it too."""
_ASSUMED: Final = {"arm": "v7", "arm64": "v8", "amd64": "v1"}
_MOST_SHOWN: Final = 20


class Platform(NamedTuple):
    """As of the image spec's `platform`; empty is not said."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


def host() -> Platform:
    """The platform of this machine."""
    machine = os.uname().machine
    return Platform("linux", *_MACHINES.get(machine, (machine, "")))


def parse(text: str) -> Platform:
    """What a user writes: OS/ARCHITECTURE[/VARIANT], or one of the first two. Raises InvalidName."""
    parts = text.strip().lower().split("/")
    if not 1 <= len(parts) <= 3 or not all(part.replace("_", "").replace("-", "").isalnum() for part in parts):
        raise InvalidName(f"platform {text[:80]!r} is not valid, write it like linux/amd64 or linux/arm/v7")
    if len(parts) == 1:
        own = host()
        return own._replace(os=parts[0]) if parts[0] in ("linux", "windows") else _architecture("linux", parts[0], "")
    return _architecture(parts[0], parts[1], parts[2] if len(parts) == 3 else "")


def of(fields: Mapping[str, object] | None) -> Platform:
    """The platform that a descriptor or a config says."""
    read = fields or {}
    os_name, architecture, variant = (str(read.get(key) or "") for key in ("os", "architecture", "variant"))
    return _architecture(os_name, architecture, variant)


def runs(wanted: Platform, found: Platform) -> int | None:
    """How well what was found fits (0 is exactly), None when it does not run there."""
    if (found.os or "linux", found.architecture) != (wanted.os, wanted.architecture):
        return None
    asked, has = (given.variant or _ASSUMED.get(wanted.architecture, "") for given in (wanted, found))
    if asked == has:
        return 0
    ladder = _VARIANTS.get(wanted.architecture, ())
    if asked in ladder and has in ladder and ladder.index(has) > ladder.index(asked):
        return ladder.index(has) - ladder.index(asked)
    return None


def choose(manifests: Sequence[Descriptor], wanted: Platform, what: str) -> Descriptor:
    """The manifest of an index that fits best, the first of equals. Raises NoPlatform, with what is there."""
    ranked = [
        (fit, place)
        for place, found in enumerate(manifests)
        if found.platform and (fit := runs(wanted, of(found.platform))) is not None
    ]
    if ranked:
        return manifests[min(ranked)[1]]
    known = list(dict.fromkeys(str(of(found.platform)) for found in manifests if _is_image(found)))
    shown = ", ".join(known[:_MOST_SHOWN]) + (" and more" if len(known) > _MOST_SHOWN else "")
    raise NoPlatform(f"{what} is not there for {wanted}; there is {shown or 'nothing for any platform'}")


def _is_image(found: Descriptor) -> bool:
    # Attestations stand beside images as unknown/unknown.
    return bool(found.platform) and of(found.platform).architecture != "unknown"


def _architecture(os_name: str, architecture: str, variant: str) -> Platform:
    variant = variant or {"armhf": "v7", "armel": "v6"}.get(architecture, "")
    return Platform(os_name, _SPELLINGS.get(architecture, architecture), variant)
