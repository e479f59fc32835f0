"""Names in layers, made safe before anything is done with them. Pure."""

from __future__ import annotations

import os
from functools import lru_cache

from runtime.snapshots.errors import InvalidLayer, LimitExceeded
from runtime.snapshots.marks import OPAQUE_NAME, WHITEOUT_PREFIX

AUFS_PREFIX = b".wh..wh."
_LONGEST = 255


def split(name: bytes) -> tuple[bytes, bytes]:
    """The folder and the last name of a path, without dots; both empty for the root.

    An absolute path is one from the image's root. Raises InvalidLayer for one that leads out of it by `..`.
    """
    folder, _, base = name.rpartition(b"/")
    if base in (b"", b".", b".."):
        parts = _parts(name)
        base = parts.pop() if parts else b""
        folder = b"/".join(parts)
    longest = _LONGEST + len(WHITEOUT_PREFIX) if base.startswith(WHITEOUT_PREFIX) else _LONGEST
    if len(base) > longest:
        raise LimitExceeded(f"its last name is longer than {_LONGEST} bytes", name)
    return _folder(folder), base


@lru_cache(256)  # entries come folder by folder
def _folder(path: bytes) -> bytes:
    parts = _parts(path)
    for part in parts:
        if len(part) > _LONGEST:
            raise LimitExceeded(f"a name in its path is longer than {_LONGEST} bytes", path)
        if part.startswith(WHITEOUT_PREFIX) and not part.startswith(AUFS_PREFIX):
            raise InvalidLayer("a folder has the name of a whiteout", path)
    return b"/".join(parts)


def _parts(path: bytes) -> list[bytes]:
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            if not parts:
                raise InvalidLayer("it leads out of the image", path)
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return parts


def is_aufs(directory: bytes, base: bytes) -> bool:
    """Whether it is one of the files by which AUFS kept its books, which old layers have: they mean nothing."""
    return (base.startswith(AUFS_PREFIX) and base != OPAQUE_NAME) or any(
        part.startswith(AUFS_PREFIX) for part in directory.split(b"/")
    )


def hidden(base: bytes, name: bytes) -> bytes:
    """The name that a whiteout hides. Raises InvalidLayer."""
    target = base[len(WHITEOUT_PREFIX) :]
    if target in (b"", b".", b".."):
        raise InvalidLayer("it is a whiteout of nothing that could be there", name)
    return target


def shown(name: bytes) -> str:
    """For a message."""
    return os.fsdecode(name)
