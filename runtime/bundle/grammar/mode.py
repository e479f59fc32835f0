"""The namespaces a container joins: `host`, `private`, `container:NAME` and what else each kind allows."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid

CONTAINER: Final = "container:"
BRIDGE: Final = "bridge"
_ALLOWED: Final = {
    "pid": ("", "private", "host", CONTAINER),
    "ipc": ("", "none", "private", "shareable", "host", CONTAINER),
    "uts": ("", "private", "host"),
    "cgroupns": ("", "private", "host"),
    "userns": ("", "host", "remap", "remap:"),
}
_network = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}").fullmatch


def read(kind: str, text: str) -> str:
    """The mode, checked: one of the words of its kind, or one that goes on with a name after a colon."""
    allowed = _ALLOWED[kind]
    head, colon, name = text.partition(":")
    if (head + colon) in allowed and bool(colon) == bool(name):
        return text
    shown = ", ".join(f"{word}NAME" if word.endswith(":") else word for word in allowed if word)
    raise ValueInvalid(f"--{kind}: invalid {kind} mode: {text!r}; use {shown}")


def joined(mode: str) -> str:
    """The container whose namespace a mode joins; empty for every other mode."""
    return mode.removeprefix(CONTAINER) if mode.startswith(CONTAINER) else ""


def read_network(text: str) -> str:
    """host, none, bridge, default, container:NAME or the name of a network."""
    if joined(text) or _network(text) is not None:
        return text
    raise ValueInvalid(f"invalid network: {text!r}; use host, none, container:NAME or the name of a network")


def is_user_defined(network: str) -> bool:
    """Whether a network is one that `network create` made."""
    return network not in ("", "default", BRIDGE, "host", "none") and not joined(network)


def is_private(network: str) -> bool:
    """Whether a container has a network namespace of its own."""
    return network != "host" and not joined(network)
