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
from runtime.snapshots.shift import back
from runtime.snapshots.snapshots import Kind
from runtime.snapshots.within import open_file, open_folder
from runtime.syscall.users import Ids

_CHUNK = 1 << 20


class Difference(NamedTuple):
    """`status` is of what is there now: None of what is gone."""

    kind: Kind
    path: bytes
    status: os.stat_result | None


class _Folder(NamedTuple):
    path: bytes
    status: os.stat_result
    below: Merged | None
    whole: bool
    """Whether it has all there is, so that what is only below is gone."""


def changes(tree: int, below: Merged | None, marks: Marks | None, ids: Ids | None = None) -> list[Difference]:
    """Ordered by path. A folder with changes in it is itself changed, as docker has it; the root is left out.

    `ids` are the maps by which the files of the tree were given away, if they were.
    """
    found: dict[bytes, Difference] = {}
    folders = [_Folder(b"", os.fstat(tree), below, marks is None)]
    for folder in folders:  # it grows
        here = open_folder(tree, folder.path)
        try:
            folders += _look(here, folder, marks, found, ids)
        finally:
            os.close(here)
    status = {folder.path: folder.status for folder in folders}
    for path in list(found):
        while (path := path.rpartition(b"/")[0]) and path not in found:
            found[path] = Difference("C", path, status[path])
    return [found[path] for path in sorted(found)]


def _look(
    here: int, folder: _Folder, marks: Marks | None, found: dict[bytes, Difference], ids: Ids | None
) -> list[_Folder]:
    """Note what differs in a folder; the folders in it."""
    inner: list[_Folder] = []
    names = listed(here)
    for name in names:
        path = folder.path + b"/" + name if folder.path else name
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
        below = folder.below.child(name) if folder.below is not None else None
        if marks is not None and marks.is_mark(name, status):
            if below is not None:
                found[path] = Difference("D", path, None)
            continue
        if below is None:
            found[path] = Difference("A", path, status)
        elif _differs(here, name, status, below, ids, written=marks is not None):
            found[path] = Difference("C", path, status)
        if stat.S_ISDIR(status.st_mode):
            whole = folder.whole or (marks is not None and marks.opaque(here, name))
            inner.append(_Folder(path, status, below if isinstance(below, Merged) else None, whole))
    if folder.whole and folder.below is not None:
        for name, _ in folder.below.children():
            if name not in names:
                path = folder.path + b"/" + name if folder.path else name
                found[path] = Difference("D", path, None)
    return inner


def _differs(
    here: int, name: bytes, status: os.stat_result, below: Merged | Found, ids: Ids | None, *, written: bool
) -> bool:
    """Whether something is other than what is below.

    Of folders the times do not count: they change with what is in them. Bytes are compared where the file was opened
    for writing (`written`); else a file with the size and time of before is the file of before.
    """
    old = below.status() if isinstance(below, Merged) else below.status
    if (status.st_mode, *back(status, ids)) != (old.st_mode, old.st_uid, old.st_gid):
        return True
    if isinstance(below, Found):
        if status.st_mtime_ns != old.st_mtime_ns or status.st_rdev != old.st_rdev:
            return True
        if status.st_nlink > (1 if written and ids is None else old.st_nlink):
            return True  # the layer must have it, for its new names to be links to it
        if stat.S_ISLNK(status.st_mode) and os.readlink(name, dir_fd=here) != os.readlink(
            below.path, dir_fd=below.layer
        ):
            return True
        if stat.S_ISREG(status.st_mode) and (
            status.st_size != old.st_size or (written and not _same_bytes(here, name, status, below))
        ):
            return True
    return xattrs_of(here, name) != xattrs_of(below.layer, below.path)


def _same_bytes(here: int, name: bytes, status: os.stat_result, below: Found) -> bool:
    before = os.open(below.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=below.layer)
    with open(before, "rb") as old, open(open_file(here, name, status), "rb") as new:
        while chunk := new.read(_CHUNK):
            if chunk != old.read(_CHUNK):
                return False
        return not old.read(1)
