"""Kernel: what the executor asks of the kernel while it builds a container's root, behind one Protocol.

`runtime.syscall.linux` is the kernel itself; `runtime.syscall.recording` writes down what was asked of another one.
This file is read for its types only: at run time nothing imports it, because `typing` is slow to load.
"""

from __future__ import annotations

from typing import Protocol


class Kernel(Protocol):
    """System calls; each raises the OSError of its errno. Their meaning stands at the functions of this room."""

    def openat2(self, directory: int, path: str, flags: int, mode: int = 0, resolve: int = 0) -> int:
        """Open a path below a directory."""

    def mount(self, source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        """Mount by path."""

    def umount2(self, target: str, flags: int = 0) -> None:
        """Unmount."""

    def pivot_root(self, new: str, old: str) -> None:
        """Change the root of the mount namespace."""

    def open_tree(self, directory: int, path: str, flags: int) -> int:
        """Open or clone a mount."""

    def move_mount(self, source: int, target: int) -> None:
        """Attach a mount."""

    def new_mount(self, kind: str, source: str, options: list[str], attributes: int) -> int:
        """Make a detached filesystem mount."""

    def mount_setattr(
        self,
        mount_fd: int,
        attr_set: int,
        attr_clr: int = 0,
        propagation: int = 0,
        *,
        recursive: bool = False,
        userns: int = 0,
    ) -> None:
        """Change the attributes of a mount."""

    def filesystem_type(self, descriptor: int) -> int:
        """The magic number of a filesystem."""

    def mknod(self, name: str, mode: int, device: int, directory: int) -> None:
        """Make a device node in a directory."""

    def sethostname(self, name: str) -> None:
        """Set the host name."""

    def setdomainname(self, name: str) -> None:
        """Set the domain name."""
