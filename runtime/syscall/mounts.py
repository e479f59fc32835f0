"""Mounting, by path as mount(2) does and by descriptor as the mount calls since Linux 5.2 do."""

from __future__ import annotations

import ctypes

from runtime.syscall.libc import LIBC, check, syscall, text

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_SYNCHRONOUS = 16
MS_REMOUNT = 32
MS_MANDLOCK = 64
MS_DIRSYNC = 128
MS_NOSYMFOLLOW = 256
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SILENT = 32768
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_STRICTATIME = 1 << 24

MNT_FORCE = 1
MNT_DETACH = 2
MNT_EXPIRE = 4
UMOUNT_NOFOLLOW = 8

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = 0o2000000

MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_RELATIME = 0x00
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000

_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
_MOVE_BOTH_EMPTY = 0x04 | 0x40


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2): mount a filesystem of a kind, or change, bind or move a mount by flags."""
    result = LIBC.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(data))
    check(result, f"mount {source or kind or ''} on {target}")


def umount2(target: str, flags: int = 0) -> None:
    """umount2(2): take the topmost mount away from a path."""
    check(LIBC.umount2(text(target), flags), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2): make a mount the root of this mount namespace; both may be "."."""
    check(LIBC.pivot_root(text(new), text(old)), "pivot_root")


def open_tree(directory: int, path: str, flags: int) -> int:
    """open_tree(2): a descriptor of a mount; with OPEN_TREE_CLONE a detached copy of it."""
    return syscall(428, f"open_tree {path}", directory, text(path), flags | _OPEN_TREE_CLOEXEC)


def move_mount(source: int, target: int) -> None:
    """move_mount(2) from descriptor to descriptor: attach the mount `source` on the inode that `target` is open on."""
    syscall(429, "move_mount", source, b"", target, b"", _MOVE_BOTH_EMPTY)


def new_mount(kind: str, source: str, options: list[str], attributes: int) -> int:
    """Make a detached mount of a filesystem with fsopen, fsconfig and fsmount; return its descriptor.

    Options are "flag" or "key=value" of the filesystem itself; attributes are MOUNT_ATTR_*. Raises OSError; its text
    ends with what the filesystem said, if anything.
    """
    context = syscall(430, f"fsopen {kind}", text(kind), 1)
    try:
        if source:
            _configure(context, kind, _FSCONFIG_SET_STRING, "source", source)
        for option in options:
            key, equals, value = option.partition("=")
            _configure(context, kind, _FSCONFIG_SET_STRING if equals else _FSCONFIG_SET_FLAG, key, value or None)
        _configure(context, kind, _FSCONFIG_CMD_CREATE, None, None)
        return syscall(432, f"fsmount {kind}", context, 1, attributes)
    finally:
        _close(context)


def mount_setattr(
    mount_fd: int, attr_set: int, attr_clr: int = 0, propagation: int = 0, *, recursive: bool = False, userns: int = 0
) -> None:
    """mount_setattr(2) on the mount a descriptor is open on: set and clear MOUNT_ATTR_*, change its propagation."""
    attributes = _MountAttributes(attr_set, attr_clr, propagation, userns)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    syscall(442, "mount_setattr", mount_fd, b"", flags, ctypes.byref(attributes), ctypes.sizeof(attributes))


def _configure(context: int, kind: str, command: int, key: str | None, value: str | None) -> None:
    try:
        syscall(431, f"fsconfig {kind} {key or 'create'}", context, command, text(key), text(value), 0)
    except OSError as error:
        said = _messages(context)
        if said:
            raise OSError(error.errno, f"{error.strerror} ({said})", error.filename) from None
        raise


def _messages(context: int) -> str:
    """What a filesystem context has to say about its failure: lines such as "e tmpfs: Unknown parameter"."""
    buffer = ctypes.create_string_buffer(1024)
    length = LIBC.read(context, buffer, 1023)
    return buffer.raw[: max(length, 0)].decode("utf-8", "replace").strip()


def _close(descriptor: int) -> None:
    LIBC.close(descriptor)
