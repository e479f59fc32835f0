"""Whole files that a program of this machine has put below the root, taken as they are: read once and renamed.

Such a file may have another name elsewhere, and its bytes are then those of both: it is opened for reading alone, here
and for ever, and none but root and this user may be able to make it writable.
"""

from __future__ import annotations

import contextlib
import os
import stat as modes
from collections.abc import Callable
from io import FileIO
from typing import BinaryIO, cast

from storage.drivers.folders import Folders
from storage.errors import NotFound, Unfit

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITABLE = modes.S_IWUSR | modes.S_IWGRP | modes.S_IWOTH
_SPECIAL = modes.S_ISUID | modes.S_ISGID
_MISSING = (FileNotFoundError, NotADirectoryError)


def adopt(path: str, target: str, folders: Folders, judge: Callable[[BinaryIO], None]) -> int:
    """Publish the file at `path` as `target`; its size. See `driver.Adopts`."""
    folders.root.check()
    with _opened(path, folders) as reader:
        found = os.fstat(reader.fileno())
        _check(found, path)
        try:
            judge(cast(BinaryIO, reader))
            os.fsync(reader.fileno())
        except BaseException:
            discard(path, folders)
            raise
        _same(reader, found, path, folders)
        folders.root.check()
        try:
            folders.rename(path, target, fresh=True)
        except _MISSING as error:
            raise NotFound(f"{path} is not there any more", path) from error
        # Of two names of one file the kernel says that the renaming is done, and leaves both.
        discard(path, folders)
        folders.persist(os.path.dirname(target))
    return found.st_size


def discard(path: str, folders: Folders, before: float | None = None) -> bool:
    """Remove the file, or only one that was put there before that time; whether it was. Its folder stays."""
    with contextlib.suppress(*_MISSING):
        # A link has the times of what it was made of, but for that of the last change: making it is one.
        if before is None or folders.stat(path).st_ctime < before:
            folders.unlink(path)
            return True
    return False


def _opened(path: str, folders: Folders) -> FileIO:
    try:
        return FileIO(folders.open(path, _READ), "rb")
    except _MISSING as error:
        raise NotFound(f"{path} is not there", path) from error
    except OSError as error:  # a link, a socket, or a file of another user
        raise Unfit(f"{path} cannot be read ({error.strerror})", path) from error


def _check(found: os.stat_result, name: str) -> None:
    """Raises Unfit for what is no file, or one that others may write to."""
    if not modes.S_ISREG(found.st_mode):
        raise Unfit(f"{name} is not a file", name)
    if found.st_uid not in (0, os.geteuid()):
        raise Unfit(f"{name} is a file of another user", name)
    if found.st_mode & (_WRITABLE | _SPECIAL):
        raise Unfit(f"{name} has mode {modes.S_IMODE(found.st_mode):04o} and should be read-only", name)


def _same(reader: FileIO, before: os.stat_result, path: str, folders: Folders) -> None:
    """Raises Unfit when it was changed or replaced while it was read."""
    after = os.fstat(reader.fileno())
    try:
        named = folders.stat(path)
    except _MISSING as error:
        raise NotFound(f"{path} is not there any more", path) from error
    changed = (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
    if changed or (named.st_dev, named.st_ino) != (after.st_dev, after.st_ino):
        raise Unfit(f"{path} was changed while it was read", path)
