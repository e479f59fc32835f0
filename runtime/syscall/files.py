"""Opening paths that others made, and closing what must not leak."""

from __future__ import annotations

import ctypes

from runtime.syscall.libc import LIBC, check, syscall, text

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

CLOSE_RANGE_UNSHARE = 2
CLOSE_RANGE_CLOEXEC = 4

_OPENAT2 = 437
_CLOSE_RANGE = 436
_O_CLOEXEC = 0o2000000


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _FilesystemStatus(ctypes.Structure):
    _fields_ = (("type", ctypes.c_long), ("rest", ctypes.c_long * 31))


def openat2(directory: int, path: str | bytes, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """Open a path below a directory as openat2(2) does; the descriptor is closed on exec."""
    how = _OpenHow(flags | _O_CLOEXEC, mode, resolve)
    return syscall(_OPENAT2, f"open {path!r}", directory, text(path), ctypes.byref(how), ctypes.sizeof(how))


def close_range(first: int, last: int = 0xFFFFFFFF, flags: int = 0) -> None:
    """Close, or with CLOSE_RANGE_CLOEXEC mark to be closed on exec, every descriptor of a range."""
    syscall(_CLOSE_RANGE, "close_range", first, last, flags)


def filesystem_type(descriptor: int) -> int:
    """The magic number of the filesystem behind a descriptor, as statfs(2) tells it."""
    status = _FilesystemStatus()
    check(LIBC.fstatfs(descriptor, ctypes.byref(status)), "fstatfs")
    return int(status.type)


PROC_MAGIC = 0x9FA0
DEVPTS_MAGIC = 0x1CD1
CGROUP2_MAGIC = 0x63677270
TMPFS_MAGIC = 0x01021994
