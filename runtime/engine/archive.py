"""A tree of a container as a tar, read by descriptors; links are never followed."""

from __future__ import annotations

import os
import stat
import tarfile
from typing import BinaryIO

from runtime.engine.errors import BadPath
from runtime.engine.tree_copy import DEEPEST, Owner, keep

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}


class Writer:
    """Writes trees into one tar. Files that share an inode are hard links there too; sockets are left out.

    `owner` says whose each is there.
    """

    def __init__(self, out: BinaryIO, owner: Owner = keep) -> None:
        self._owner = owner
        self._tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by `close`
        self._links: dict[tuple[int, int], str] = {}

    def close(self) -> None:
        """Write the end."""
        self._tar.close()

    def add(self, folder: int, name: str, as_name: str, depth: int = 0) -> None:
        """Add what is at a name of an open folder, with all below it. Raises BadPath, OSError."""
        if depth > DEEPEST:
            raise BadPath(f"folders are nested deeper than {DEEPEST}")
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        kind = _KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None:
            return
        if kind == tarfile.REGTYPE:
            self._file(folder, name, as_name)
            return
        member = self._member(as_name, found, kind)
        if kind == tarfile.SYMTYPE:
            member.linkname = os.readlink(name, dir_fd=folder)
        if as_name:
            self._tar.addfile(member)
        if kind == tarfile.DIRTYPE:
            self._below(folder, name, as_name, depth)

    def _below(self, folder: int, name: str, as_name: str, depth: int) -> None:
        opened = os.open(name, _FOLDER, dir_fd=folder)
        try:
            for each in sorted(os.listdir(opened)):
                self.add(opened, each, f"{as_name}/{each}" if as_name else each, depth + 1)
        finally:
            os.close(opened)

    def _file(self, folder: int, name: str, as_name: str) -> None:
        fd = os.open(name, _FILE, dir_fd=folder)
        with open(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return
            member = self._member(as_name, found, tarfile.REGTYPE)
            inode = (found.st_dev, found.st_ino)
            if found.st_nlink > 1 and inode in self._links:
                member.type, member.linkname = tarfile.LNKTYPE, self._links[inode]
                self._tar.addfile(member)
                return
            self._links[inode] = as_name
            member.size = found.st_size
            self._tar.addfile(member, _Exactly(file, found.st_size))

    def _member(self, name: str, found: os.stat_result, kind: bytes) -> tarfile.TarInfo:
        member = tarfile.TarInfo(f"{name}/" if kind == tarfile.DIRTYPE else name)
        member.mode, (member.uid, member.gid) = stat.S_IMODE(found.st_mode), self._owner(found.st_uid, found.st_gid)
        member.mtime, member.type = int(found.st_mtime), kind
        member.devmajor, member.devminor = os.major(found.st_rdev), os.minor(found.st_rdev)
        return member


class _Exactly:
    """A file that has the size it had: one that shrinks meanwhile ends in noughts, one that grows is cut."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, count: int = -1) -> bytes:
        """The next bytes."""
        wanted = self._left if count < 0 else min(count, self._left)
        data = self._file.read(wanted)
        self._left -= wanted
        return data.ljust(wanted, b"\0")
