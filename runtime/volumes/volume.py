"""A volume as it is written down, and what may be asked of a new one. Pure."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from runtime.volumes.errors import InvalidVolume

ANONYMOUS: Final = "com.docker.volume.anonymous"
"""The label of a volume that has no given name."""

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
_OPTIONS: Final = ("type", "o", "device")


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """One volume; created is RFC 3339 in UTC. Its options are those of mount(8): type, o, device."""

    name: str
    created: str
    labels: dict[str, str] = {}
    options: dict[str, str] = {}

    @property
    def anonymous(self) -> bool:
        """Whether it has no given name."""
        return ANONYMOUS in self.labels

    @property
    def mounted(self) -> bool:
        """Whether a filesystem has to be mounted to use it."""
        return bool(self.options)


class Wishes(NamedTuple):
    """What the user asked for."""

    driver: str = "local"
    labels: Mapping[str, str] = {}
    options: Mapping[str, str] = {}


def define(name: str, wishes: Wishes) -> Volume:
    """A new volume; without a name it gets one of 64 hexadecimal digits. Raises InvalidVolume."""
    if wishes.driver != "local":
        raise InvalidVolume(f"volume driver {wishes.driver} is not known, use local")
    labels = dict(wishes.labels)
    if not name:
        name = os.urandom(32).hex()
        labels[ANONYMOUS] = ""
    check_name(name)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Volume(name=name, created=created, labels=labels, options=_checked(name, wishes.options))


def check_name(name: str) -> None:
    """Raises InvalidVolume for what cannot be a name, and so for every name that would be a path."""
    if not _NAME.fullmatch(name):
        raise InvalidVolume(
            f'"{name[:80]}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are '
            "allowed, use an absolute path for a directory of the host"
        )


def settings(volume: Volume, mountpoint: str) -> dict[str, Any]:
    """One volume as docker's `volume inspect` shows it."""
    return {
        "CreatedAt": volume.created,
        "Driver": "local",
        "Labels": volume.labels or None,
        "Mountpoint": mountpoint,
        "Name": volume.name,
        "Options": volume.options or None,
        "Scope": "local",
    }


def _checked(name: str, options: Mapping[str, str]) -> dict[str, str]:
    for option in options:
        if option not in _OPTIONS:
            raise InvalidVolume(f'create {name}: invalid option: "{option[:80]}", use {", ".join(_OPTIONS)}')
    for needed in ("type", "device"):
        if options and not options.get(needed):
            raise InvalidVolume(f'create {name}: missing required option: "{needed}"')
    if any("\0" in value or "\n" in value for value in options.values()):
        raise InvalidVolume(f"create {name}: invalid option, a value has a line break")
    return dict(options)
