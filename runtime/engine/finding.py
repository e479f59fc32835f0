"""Finding a container by what is typed: its name, its id, or the beginning of one. Nothing here reads what it is."""

from __future__ import annotations

import os

from runtime.engine.errors import Ambiguous, NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.engine.paths import Paths

_HEX = frozenset("0123456789abcdef")
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_REST = _FIRST | frozenset("_.-")


def is_id(text: str) -> bool:
    """Whether it is the whole of an id."""
    return len(text) == 64 and _HEX.issuperset(text)


def is_name(text: str) -> bool:
    """Whether docker would take it for a name."""
    return 2 <= len(text) <= 255 and text[0] in _FIRST and _REST.issuperset(text)


def ids(paths: Paths) -> list[str]:
    """The ids of all containers."""
    try:
        return [name for name in os.listdir(paths.containers) if is_id(name)]
    except FileNotFoundError:
        return []


def find(paths: Paths, text: str) -> str:
    """The id that a name, an id or the unambiguous beginning of one means. Raises NoSuchContainer, Ambiguous."""
    name = text.removeprefix("/")
    if is_id(name) and os.path.isdir(paths.of(name).folder):
        return name
    if is_name(name) and (id := owner(paths, name)):
        return id
    begun = [id for id in ids(paths) if id.startswith(name)] if name and _HEX.issuperset(name) else []
    if len(begun) > 1:
        raise Ambiguous(name)
    if not begun:
        raise NoSuchContainer(text)
    return begun[0]


def owner(paths: Paths, name: str) -> str:
    """The id of the container that has a name; empty if none has it."""
    try:
        file = os.open(paths.name(name), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        id = os.read(file, 128).decode("ascii", "replace").strip()
    finally:
        os.close(file)
    return id if is_id(id) and os.path.isdir(paths.of(id).folder) else ""
