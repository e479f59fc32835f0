"""Paths inside a root filled by others: every one is opened by openat2 and kept as a descriptor.

Links are followed inside the root (RESOLVE_IN_ROOT), never links of procfs, and what is done afterwards is done to the
descriptor, so that exchanging a directory for a link in between changes nothing (CVE-2021-30465 and its kin).
"""

from __future__ import annotations

import os

from runtime.syscall.files import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.syscall.kernel import Kernel

_IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS


class Root:
    """A directory that is or will be the container's root."""

    def __init__(self, kernel: Kernel, descriptor: int) -> None:
        self.kernel = kernel
        self.descriptor = descriptor

    def open(self, path: str, flags: int = os.O_PATH, *, links: bool = True) -> int:
        """Open what is there. Raise OSError."""
        resolve = _IN_ROOT if links else _IN_ROOT | RESOLVE_NO_SYMLINKS
        return self.kernel.openat2(self.descriptor, path, flags, 0, resolve)

    def directory(self, path: str, mode: int = 0o755, *, links: bool = True) -> int:
        """Open a directory, making it and those above it if they are not there."""
        try:
            return self.open(path, os.O_PATH | os.O_DIRECTORY, links=links)
        except FileNotFoundError:
            above, _, name = path.rstrip("/").rpartition("/")
        parent = self.directory(above or "/", mode, links=links)
        try:
            os.mkdir(name, mode, dir_fd=parent)
        except FileExistsError:
            pass  # made by another in between, or a link that leads nowhere: opening tells
        finally:
            os.close(parent)
        return self.open(path, os.O_PATH | os.O_DIRECTORY, links=links)

    def parent(self, path: str) -> tuple[int, str]:
        """The directory that a path stands in, made if need be, and the path's last name."""
        above, _, name = path.rstrip("/").rpartition("/")
        return self.directory(above or "/"), name

    def file(self, path: str, *, links: bool = True) -> int:
        """Open what is there, whatever it is, or make an empty file to mount on."""
        try:
            return self.open(path, links=links)
        except FileNotFoundError:
            parent, name = self.parent(path)
        try:
            made = os.open(name, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=parent)
            os.close(made)
        except FileExistsError:
            pass  # as above
        finally:
            os.close(parent)
        return self.open(path, links=links)
