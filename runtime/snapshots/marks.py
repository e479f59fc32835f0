"""How an unpacked layer says that something below it is hidden. Two forms with one interface.

The kernel's is what overlayfs reads (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"). The
named one is that of layers in a tar (OCI image spec, layer.md, "Whiteouts"), for file systems where the kernel's cannot
be made; no entry of a layer can have such a name.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Protocol

WHITEOUT_PREFIX = b".wh."
OPAQUE_NAME = b".wh..wh..opq"

INTERNAL = (b"trusted.overlay.", b"user.overlay.")
"""Attributes by which overlayfs keeps its books: they never leave or enter a layer."""


class Marks(Protocol):
    """A name or a folder is given by a descriptor and a path below it whose folders are known to be real."""

    def hides(self, directory: int, path: bytes) -> bool:
        """Whether there is a mark here that hides this path in the layers below."""

    def opaque(self, directory: int, path: bytes) -> bool:
        """Whether there is a mark on this folder that hides all it holds in the layers below."""

    def is_mark(self, name: bytes, status: os.stat_result) -> bool:
        """Whether something found in a folder is a mark."""

    def hide(self, directory: int, name: bytes) -> None:
        """Make a mark that hides a name below; nothing happens when the name is taken."""

    def make_opaque(self, directory: int) -> None:
        """Make a mark on a folder that hides all it holds below."""


class KernelMarks:
    """Character devices 0:0, and an extended attribute; `prefix` is `trusted`, or `user` in a user namespace."""

    def __init__(self, prefix: str = "trusted") -> None:
        self._attribute = f"{prefix}.overlay.opaque"

    def hides(self, directory: int, path: bytes) -> bool:
        try:
            return is_whiteout(os.stat(path, dir_fd=directory, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def opaque(self, directory: int, path: bytes) -> bool:
        try:
            return (
                os.getxattr(b"/proc/self/fd/%d/%s" % (directory, path), self._attribute, follow_symlinks=False) == b"y"
            )
        except OSError as error:
            if error.errno in (errno.ENODATA, errno.ENOTSUP):
                return False
            raise

    def is_mark(self, name: bytes, status: os.stat_result) -> bool:
        return is_whiteout(status)

    def hide(self, directory: int, name: bytes) -> None:
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=directory)
        except FileExistsError:
            return

    def make_opaque(self, directory: int) -> None:
        os.setxattr(directory, self._attribute, b"y")


class NamedMarks:
    """Empty files with names that begin with `.wh.`."""

    def hides(self, directory: int, path: bytes) -> bool:
        folder, _, name = path.rpartition(b"/")
        return _exists(directory, os.path.join(folder, WHITEOUT_PREFIX + name))

    def opaque(self, directory: int, path: bytes) -> bool:
        return _exists(directory, os.path.join(path, OPAQUE_NAME))

    def is_mark(self, name: bytes, status: os.stat_result) -> bool:
        return name.startswith(WHITEOUT_PREFIX)

    def hide(self, directory: int, name: bytes) -> None:
        if not _exists(directory, name):
            _touch(directory, WHITEOUT_PREFIX + name)

    def make_opaque(self, directory: int) -> None:
        _touch(directory, OPAQUE_NAME)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether it is overlayfs' mark for a name that is gone."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _exists(directory: int, path: bytes) -> bool:
    try:
        os.stat(path, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _touch(directory: int, name: bytes) -> None:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.close(os.open(name, flags, 0o600, dir_fd=directory))
    except FileExistsError:
        return
