"""Capabilities: what docker gives to a container, and what `--cap-add`, `--cap-drop` and `--privileged` make of it."""

from collections.abc import Iterable, Sequence
from typing import Final

from runtime.bundle.errors import ValueInvalid
from runtime.syscall.capability_names import CAPABILITIES

ALL: Final = CAPABILITIES

DEFAULT: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
_EVERY: Final = "ALL"


def granted(add: Iterable[str], drop: Iterable[str], privileged: bool, can_give: int = 2**41 - 1) -> list[str]:
    """The capabilities of a container, of those whose bits are in `can_give`. Raises ValueInvalid."""
    known = [name for number, name in enumerate(ALL) if can_give >> number & 1]
    added, dropped = _read(add, known), _read(drop, known)
    if privileged:
        return list(known)
    if _EVERY in added:
        return [name for name in known if name not in dropped]
    if _EVERY in dropped:
        return [name for name in dict.fromkeys(added) if name != _EVERY]
    kept = [name for name in DEFAULT if name in known and name not in dropped]
    return list(dict.fromkeys([*kept, *added]))


def read(text: str) -> str:
    """The name of a capability with CAP_ and in capitals, or ALL. Raises ValueInvalid."""
    name = text.strip().upper()
    if name == _EVERY:
        return name
    name = name if name.startswith("CAP_") else f"CAP_{name}"
    if name not in ALL:
        raise ValueInvalid(f"unknown capability: {text!r}; use ALL or a name such as NET_ADMIN")
    return name


def _read(texts: Iterable[str], known: Sequence[str]) -> list[str]:
    names = [read(text) for text in texts]
    for name in names:
        if name != _EVERY and name not in known:
            raise ValueInvalid(f"capability {name} cannot be given: neither the kernel nor this process may lack it")
    return names
