"""The device nodes of a container, its standard links, and what of the standard streams belongs to the host."""

from __future__ import annotations

import os
import stat

from runtime.executor.errors import InvalidSpec
from runtime.syscall import mounts as m

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.resolve import Root

DEFAULT = (
    {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666},
    {"path": "/dev/random", "type": "c", "major": 1, "minor": 8, "fileMode": 0o666},
    {"path": "/dev/full", "type": "c", "major": 1, "minor": 7, "fileMode": 0o666},
    {"path": "/dev/tty", "type": "c", "major": 5, "minor": 0, "fileMode": 0o666},
    {"path": "/dev/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o666},
    {"path": "/dev/urandom", "type": "c", "major": 1, "minor": 9, "fileMode": 0o666},
)
_LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
)
_KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def make_devices(root: Root, asked: list[dict[str, Any]], *, bind: bool) -> None:
    """Make the default nodes and those the specification asks for; in a user namespace the host's are bound."""
    named = {device["path"] for device in asked}
    for device in [*(each for each in DEFAULT if each["path"] not in named), *asked]:
        path = os.path.normpath("/" + str(device["path"]))
        if path == "/dev/ptmx":
            continue  # a link: see below
        if bind:
            _bind(root, path, str(device["path"]))
            continue
        try:
            _node(root, path, device)
        except PermissionError:
            _bind(root, path, str(device["path"]))


def make_links(root: Root) -> None:
    """Make /dev/fd, /dev/stdin and the like, /dev/ptmx, and /dev/core if the host has /proc/kcore."""
    parent = root.directory("/dev")
    try:
        links = [*_LINKS, ("/proc/kcore", "core")] if os.path.exists("/proc/kcore") else list(_LINKS)
        for target, name in links:
            if not _there(name, parent):
                os.symlink(target, name, dir_fd=parent)
        if _there("ptmx", parent):
            os.unlink("ptmx", dir_fd=parent)
        os.symlink("pts/ptmx", "ptmx", dir_fd=parent)
    finally:
        os.close(parent)


def reopen_null() -> None:
    """Standard streams that are the host's /dev/null become the container's."""
    for stream in range(3):
        found = os.fstat(stream)
        if not stat.S_ISCHR(found.st_mode) or found.st_rdev != os.makedev(1, 3):
            continue
        null = open_null(os.O_RDWR)
        os.dup2(null, stream)
        os.close(null)


def open_null(flags: int) -> int:
    """Open /dev/null of this root and nothing else that has its name (CVE-2025-31133). Raise InvalidSpec."""
    null = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(null)
    if not stat.S_ISCHR(found.st_mode) or found.st_rdev != os.makedev(1, 3):
        os.close(null)
        raise InvalidSpec("/dev/null of the container is not the null device")
    if flags & os.O_PATH:
        return null
    os.close(null)
    opened = os.open("/dev/null", flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    if os.fstat(opened).st_rdev != os.makedev(1, 3):
        os.close(opened)
        raise InvalidSpec("/dev/null of the container is not the null device")
    return opened


def _node(root: Root, path: str, device: dict[str, Any]) -> None:
    kind = _KINDS.get(str(device["type"]))
    if kind is None:
        raise InvalidSpec(f"device {path}: unknown type {device['type']!r}")
    number = 0 if kind == stat.S_IFIFO else os.makedev(int(device["major"]), int(device["minor"]))
    mode = int(device.get("fileMode") or 0o666) & 0o7777
    parent, name = root.parent(path)
    try:
        if _there(name, parent):
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_IFMT(found.st_mode) != kind or found.st_rdev != number:
                raise InvalidSpec(f"device {path}: something else is already there")
            return
        root.kernel.mknod(name, mode | kind, number, parent)
        os.chown(name, int(device.get("uid") or 0), int(device.get("gid") or 0), dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(parent)


def _bind(root: Root, path: str, source: str) -> None:
    tree = root.kernel.open_tree(m.AT_FDCWD, source, m.OPEN_TREE_CLONE)
    target = root.file(path)
    try:
        root.kernel.move_mount(tree, target)
    finally:
        os.close(tree)
        os.close(target)


def _there(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
