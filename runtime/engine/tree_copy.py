"""Copying a file or a tree from one open folder to another. No link is followed in either.

Files, folders, links and FIFOs are copied; sockets and devices are left out. A file takes the place of another at once,
by a rename, never half written.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from typing import BinaryIO

from runtime.engine.errors import BadPath

DEEPEST = 400
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 2**20

Owner = Callable[[int, int], tuple[int, int]]
"""Who a copy belongs to, by the user and group of the original."""


def keep(uid: int, gid: int) -> tuple[int, int]:
    """As the original does."""
    return uid, gid


def always(uid: int, gid: int) -> Owner:
    """All to one."""
    return lambda *_: (uid, gid)


def copy(source: int, name: str, target: int, as_name: str, owner: Owner, depth: int = 0) -> None:
    """Copy what is at a name of a folder to a name of another. Raises BadPath, OSError."""
    if depth > DEEPEST:
        raise BadPath(f"folders are nested deeper than {DEEPEST}")
    found = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISDIR(found.st_mode):
        made = folder(target, as_name)
        try:
            contents(source, name, made, owner, depth)
            settle(made, found, owner)
        finally:
            os.close(made)
    elif stat.S_ISREG(found.st_mode):
        fd = os.open(name, _FILE, dir_fd=source)
        with open(fd, "rb", buffering=0) as opened:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                file(opened, target, as_name, found, owner)
    elif stat.S_ISLNK(found.st_mode):
        link(os.readlink(name, dir_fd=source), target, as_name, found, owner)
    elif stat.S_ISFIFO(found.st_mode):
        with _aside(target, as_name) as part:
            os.mkfifo(part, stat.S_IMODE(found.st_mode), dir_fd=target)
            _own(part, target, found, owner)


def contents(source: int, name: str, target: int, owner: Owner, depth: int = 0) -> None:
    """Copy what is in a folder into an open one."""
    opened = os.open(name, _FOLDER, dir_fd=source)
    try:
        for each in sorted(os.listdir(opened)):
            copy(opened, each, target, each, owner, depth + 1)
    finally:
        os.close(opened)


def folder(target: int, name: str) -> int:
    """Open a folder of a name, made if it is not there. Raises BadPath if something else is."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=target)
    try:
        return os.open(name, _FOLDER, dir_fd=target)
    except OSError:
        raise BadPath(f"cannot overwrite {name!r} with a folder: it is no folder") from None


def file(opened: BinaryIO, target: int, name: str, found: os.stat_result, owner: Owner) -> None:
    """Write a file of what is read, with the mode and time of another."""
    with _aside(target, name) as part:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        made = os.open(part, flags, 0o600, dir_fd=target)
        try:
            while data := opened.read(_PIECE):
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(made, rest) :]
            settle(made, found, owner)
        finally:
            os.close(made)


def link(to: str, target: int, name: str, found: os.stat_result, owner: Owner) -> None:
    """Make a link."""
    with _aside(target, name) as part:
        os.symlink(to, part, dir_fd=target)
        _own(part, target, found, owner)


def settle(fd: int, found: os.stat_result, owner: Owner) -> None:
    """Give an open file or folder its owner, then its mode, then its time."""
    with contextlib.suppress(PermissionError):
        os.fchown(fd, *owner(found.st_uid, found.st_gid))
    os.fchmod(fd, stat.S_IMODE(found.st_mode))
    os.utime(fd, ns=(found.st_atime_ns, found.st_mtime_ns))


class _aside:  # noqa: N801 - a context, used as a noun
    """A name to make something at that takes the place of another when the block ends well."""

    def __init__(self, folder: int, name: str) -> None:
        self._folder = folder
        self._name = name
        self._part = f".{os.urandom(8).hex()}.part"

    def __enter__(self) -> str:
        return self._part

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                os.rename(self._part, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except IsADirectoryError:
            raise BadPath(f"cannot overwrite folder {self._name!r} with a file") from None
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._part, dir_fd=self._folder)


def _own(name: str, folder: int, found: os.stat_result, owner: Owner) -> None:
    uid, gid = owner(found.st_uid, found.st_gid)
    with contextlib.suppress(PermissionError):
        os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=folder, follow_symlinks=False)
