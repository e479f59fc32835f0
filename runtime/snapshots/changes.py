"""What an active snapshot has other than its parent: the kinds of `docker diff`, found by looking at both trees.

With marks, the tree holds only what was written (overlayfs' upper folder); without, all there is.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from runtime.snapshots.apply.attributes import xattrs_of
from runtime.snapshots.marks import Marks
from runtime.snapshots.merged import Found, Merged, listed
from runtime.snapshots.snapshots import Kind

_CHUNK = 1 << 20


class Difference(NamedTuple):
    """`status` is of what is there now: None of what is gone."""

    kind: Kind
    path: bytes
    status: os.stat_result | None


class _Folder(NamedTuple):
    path: bytes
    below: Merged | None
    whole: bool
    """Whether it has all there is, so that what is only below is gone."""


def changes(tree: int, below: Merged | None, marks: Marks | None) -> list[Difference]:
    """Ordered by path. A folder with changes in it is itself changed, as docker has it; the root is left out."""
    found: dict[bytes, Difference] = {}
    folders = [_Folder(b"", below, marks is None)]
    while folders:
        folders += _folder(tree, folders.pop(), marks, found)
    for path in list(found):
        while path := path.rpartition(b"/")[0]:
            if path in found:
                break
            found[path] = Difference("C", path, os.stat(path, dir_fd=tree, follow_symlinks=False))
    return [found[path] for path in sorted(found)]


def _folder(tree: int, folder: _Folder, marks: Marks | None, found: dict[bytes, Difference]) -> list[_Folder]:
    """Note what differs in a folder; the folders in it."""
    inner: list[_Folder] = []
    names = listed(tree, folder.path)
    for name in names:
        path = folder.path + b"/" + name if folder.path else name
        status = os.stat(path, dir_fd=tree, follow_symlinks=False)
        below = folder.below.child(name) if folder.below is not None else None
        if marks is not None and marks.is_mark(name, status):
            if below is not None:
                found[path] = Difference("D", path, None)
            continue
        if below is None:
            found[path] = Difference("A", path, status)
        elif _differs(tree, path, status, below, written=marks is not None):
            found[path] = Difference("C", path, status)
        if stat.S_ISDIR(status.st_mode):
            whole = folder.whole or (marks is not None and marks.opaque(tree, path))
            inner.append(_Folder(path, below if isinstance(below, Merged) else None, whole))
    if folder.whole and folder.below is not None:
        for name, _ in folder.below.children():
            if name not in names:
                path = folder.path + b"/" + name if folder.path else name
                found[path] = Difference("D", path, None)
    return inner


def _differs(tree: int, path: bytes, status: os.stat_result, below: Merged | Found, *, written: bool) -> bool:
    """Whether something is other than what is below.

    Of folders the times do not count: they change with what is in them. Bytes are compared where the file was opened
    for writing (`written`); else a file with the size and time of before is the file of before.
    """
    old = below.status() if isinstance(below, Merged) else below.status
    if (status.st_mode, status.st_uid, status.st_gid) != (old.st_mode, old.st_uid, old.st_gid):
        return True
    layer, place = (below.layer, below.path)
    if not isinstance(below, Merged):
        if status.st_mtime_ns != old.st_mtime_ns or status.st_rdev != old.st_rdev or status.st_nlink > old.st_nlink:
            return True
        if stat.S_ISLNK(status.st_mode):
            return os.readlink(path, dir_fd=tree) != os.readlink(place, dir_fd=layer)
        if stat.S_ISREG(status.st_mode):
            if status.st_size != old.st_size:
                return True
            if written and not _same_bytes(tree, path, layer, place):
                return True
    return xattrs_of(tree, path) != xattrs_of(layer, place)


def _same_bytes(tree: int, path: bytes, layer: int, place: bytes) -> bool:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, dir_fd=tree), "rb") as new, open(os.open(place, flags, dir_fd=layer), "rb") as old:
        while chunk := new.read(_CHUNK):
            if chunk != old.read(_CHUNK):
                return False
        return not old.read(1)
