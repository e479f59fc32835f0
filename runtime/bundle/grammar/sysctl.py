"""`--sysctl name=value`: those the kernel keeps per namespace."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid

_IPC: Final = frozenset(
    {f"kernel.{name}" for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni")}
    | {"kernel.shm_rmid_forced"}
)
_name = re.compile(r"[a-zA-Z0-9_-]+(?:[./][a-zA-Z0-9_-]+)+").fullmatch


def read(text: str) -> tuple[str, str]:
    """The name, with dots, and the value."""
    name, equals, value = text.partition("=")
    name = name.strip().replace("/", ".")
    if not equals or _name(name) is None or "\0" in value or not (is_ipc(name) or is_net(name)):
        raise ValueInvalid(
            f"sysctl {text!r} is not allowed; use name=value of one under net. or fs.mqueue., "
            f"or of {', '.join(sorted(_IPC))}"
        )
    return name, value


def is_ipc(name: str) -> bool:
    """Whether it belongs to the ipc namespace."""
    return name in _IPC or name.startswith("fs.mqueue.")


def is_net(name: str) -> bool:
    """Whether it belongs to the network namespace."""
    return name.startswith("net.")
