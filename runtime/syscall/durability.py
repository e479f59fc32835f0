"""Making what was written survive a power cut."""

from __future__ import annotations

from runtime.syscall.libc import LIBC, check


def syncfs(descriptor: int) -> None:
    """syncfs(2): write out everything of the file system that a descriptor is open on."""
    check(LIBC.syncfs(descriptor), "syncfs")
