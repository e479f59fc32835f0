"""`-v`: `/in`, `name:/in`, `/host:/in`, and after a colon options: ro or rw, z or Z, a propagation, nocopy."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar.path import clean, read_target
from runtime.bundle.mount_point import PROPAGATIONS, MountPoint

_GROUPS: Final = (
    ("ro", "rw"),
    ("z", "Z"),
    PROPAGATIONS,
    ("nocopy",),
    ("consistent", "cached", "delegated"),
)
_GROUP_OF: Final = {word: group for group in _GROUPS for word in group}
_name = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}").fullmatch


def read(text: str) -> MountPoint:
    """What to mount; a relative path of the host is the business of the command line, which knows where it is."""
    parts = text.split(":")
    if not parts[0] or len(parts) > 3 or (len(parts) == 2 and _is_mode(parts[1])):
        raise ValueInvalid(f"invalid volume specification: {text!r}; use [source:]/path/in/container[:options]")
    if len(parts) == 1:
        return MountPoint(type="volume", destination=read_target(text, f"volume {text!r}"))
    options = _options(parts[2], text) if len(parts) == 3 else set()
    source, target = parts[0], read_target(parts[1], f"volume {text!r}")
    propagation = next((word for word in PROPAGATIONS if word in options), "")
    bind = source.startswith("/")
    if not bind:
        check_name(source)
        if propagation:
            raise ValueInvalid(f"invalid volume specification: {text!r}; propagation is for bind mounts only")
    if bind and "nocopy" in options:
        raise ValueInvalid(f"invalid volume specification: {text!r}; nocopy is for volumes only")
    return MountPoint(
        type="bind" if bind else "volume",
        name="" if bind else source,
        source=clean(source) if bind else "",
        destination=target,
        mode=parts[2] if len(parts) == 3 else "",
        rw="ro" not in options,
        propagation=propagation,
        no_copy="nocopy" in options,
        create_source=bind,
    )


def check_name(name: str) -> None:
    """Raise ValueInvalid for what cannot be a volume's name."""
    if len(name) == 1:
        raise ValueInvalid(f"volume name {name!r} is too short, names should be at least two alphanumeric characters")
    if _name(name) is None:
        raise ValueInvalid(
            f"{name!r} includes invalid characters for a local volume name, only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
            "allowed; if you intended to pass a host directory, use an absolute path"
        )


def _is_mode(text: str) -> bool:
    return all(word in _GROUP_OF for word in text.split(","))


def _options(text: str, whole: str) -> set[str]:
    words = text.split(",") if text else []
    groups = [_GROUP_OF.get(word) for word in words]
    if None in groups or len(set(groups)) != len(groups):
        raise ValueInvalid(
            f"invalid mode {text!r} in volume {whole!r}: use ro or rw, z or Z, nocopy "
            f"and one of {', '.join(PROPAGATIONS)}"
        )
    return set(words)
