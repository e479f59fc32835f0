"""The kernel as the executor sees it: `runtime.syscall.kernel.Kernel`, done by the functions of this room."""

from __future__ import annotations

import os

from runtime.syscall import files, mounts, namespaces


class Linux:
    """The running kernel."""

    openat2 = staticmethod(files.openat2)
    filesystem_type = staticmethod(files.filesystem_type)
    mount = staticmethod(mounts.mount)
    umount2 = staticmethod(mounts.umount2)
    pivot_root = staticmethod(mounts.pivot_root)
    open_tree = staticmethod(mounts.open_tree)
    move_mount = staticmethod(mounts.move_mount)
    new_mount = staticmethod(mounts.new_mount)
    mount_setattr = staticmethod(mounts.mount_setattr)
    sethostname = staticmethod(namespaces.sethostname)
    setdomainname = staticmethod(namespaces.setdomainname)

    @staticmethod
    def mknod(name: str, mode: int, device: int, directory: int) -> None:
        """Make a device node in a directory."""
        os.mknod(name, mode, device, dir_fd=directory)
