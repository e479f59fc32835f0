"""Opening what is in a tree that a container may be writing to: nothing that it swaps in meanwhile is followed."""

from __future__ import annotations

import os
import stat

from runtime.snapshots.apply.names import shown
from runtime.snapshots.errors import SnapshotError
from runtime.snapshots.merged import DIRECTORY
from runtime.syscall.files import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, openat2

_RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS


def open_folder(tree: int, path: bytes) -> int:
    """A folder below a tree; the root for an empty path. Raises OSError for a path that a link is on."""
    return openat2(tree, path or b".", DIRECTORY, resolve=_RESOLVE)


def open_file(folder: int, name: bytes, status: os.stat_result) -> int:
    """A regular file in a folder, if it is still the one that was looked at. Raises SnapshotError, OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO in its place would wait for ever
    file = os.open(name, flags, dir_fd=folder)
    now = os.fstat(file)
    if not (os.path.samestat(now, status) and stat.S_ISREG(now.st_mode)):
        os.close(file)
        raise SnapshotError(f"{shown(name)!r} was replaced while it was looked at, stop or pause who writes to it")
    return file
