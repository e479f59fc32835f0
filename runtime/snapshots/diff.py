"""A layer made of changes: what `commit` adds to an image. The same changes give the same bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import BinaryIO

from runtime.snapshots.apply import attributes
from runtime.snapshots.apply.names import shown
from runtime.snapshots.changes import Difference
from runtime.snapshots.errors import SnapshotError
from runtime.snapshots.marks import WHITEOUT_PREFIX
from runtime.snapshots.shift import back
from runtime.snapshots.tar import entry as kinds
from runtime.snapshots.tar.entry import Entry
from runtime.snapshots.tar.writer import pad, write_end, write_header
from runtime.snapshots.within import open_file, open_folder
from runtime.syscall.users import Ids

_CHUNK = 1 << 20
_KINDS = {
    stat.S_IFREG: kinds.REGULAR,
    stat.S_IFLNK: kinds.SYMLINK,
    stat.S_IFCHR: kinds.CHAR,
    stat.S_IFBLK: kinds.BLOCK,
    stat.S_IFDIR: kinds.DIRECTORY,
    stat.S_IFIFO: kinds.FIFO,
}


def write_diff(tree: int, differences: Iterable[Difference], out: BinaryIO, ids: Ids | None = None) -> None:
    """Raises SnapshotError for what no layer can hold, and for a file that changes while it is read.

    `ids` are the maps by which the files of the tree were given away, if they were.
    """
    seen: dict[tuple[int, int], bytes] = {}
    for difference in differences:
        folder, _, base = difference.path.rpartition(b"/")
        if difference.status is None:
            name = os.path.join(folder, WHITEOUT_PREFIX + base)
            write_header(out, Entry(name, kinds.REGULAR, 0, 0, 0, 0, 0))
            continue
        if base.startswith(WHITEOUT_PREFIX):
            raise SnapshotError(
                f"{shown(difference.path)!r} has the name of a whiteout, which no layer can hold: rename it"
            )
        here = open_folder(tree, folder)
        try:
            entry = _entry(here, base, difference.path, difference.status, ids)
            if entry is not None:
                _write(here, base, entry, difference.status, seen, out)
        finally:
            os.close(here)
    write_end(out)


def _write(
    here: int, base: bytes, entry: Entry, status: os.stat_result, seen: dict[tuple[int, int], bytes], out: BinaryIO
) -> None:
    inode, path = (status.st_dev, status.st_ino), entry.name
    if status.st_nlink > 1 and entry.kind != kinds.DIRECTORY:
        if inode in seen:
            entry.kind, entry.link, entry.size, entry.xattrs = kinds.LINK, seen[inode], 0, {}
            write_header(out, entry)
            return
        seen[inode] = path
    if entry.kind == kinds.REGULAR:
        with open(open_file(here, base, status), "rb") as file:
            write_header(out, entry)
            _write_data(file, entry, out)
    else:
        write_header(out, entry)


def _entry(here: int, base: bytes, path: bytes, status: os.stat_result, ids: Ids | None) -> Entry | None:
    """The entry for what is there; None for a socket: it is nothing without who listens on it, and no tar has any."""
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    have = attributes.of_file(here, base, status)
    entry = Entry(path, kind, have.mode, *back(status, ids), 0, have.mtime, xattrs=have.xattrs)
    if kind == kinds.DIRECTORY:
        entry.name += b"/"
    elif kind == kinds.SYMLINK:
        entry.link = os.readlink(base, dir_fd=here)
    elif kind == kinds.REGULAR:
        entry.size = status.st_size
    elif kind != kinds.FIFO:
        entry.major, entry.minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return entry


def _write_data(file: BinaryIO, entry: Entry, out: BinaryIO) -> None:
    left = entry.size
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise SnapshotError(f"{shown(entry.name)!r} shrank while it was read, stop or pause who writes to it")
        out.write(chunk)
        left -= len(chunk)
    pad(out, entry.size)
