"""The terminal of a container: opened from its own devpts, its master sent to the caller."""

from __future__ import annotations

import ctypes
import os
import stat

from runtime.executor.errors import StartFailed
from runtime.executor.resolve import Root
from runtime.syscall import mounts as m
from runtime.syscall.files import DEVPTS_MAGIC
from runtime.syscall.libc import LIBC, check
from runtime.syscall.linux import Linux

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

_SOL_SOCKET, _SCM_RIGHTS = 1, 1
_TIOCSCTTY = 0x540E
_TIOCSPTLCK = 0x40045431
_TIOCGPTN = 0x80045430
_TIOCGPTPEER = 0x5441
_TIOCSWINSZ = 0x5414


def open_in_container(connection: _socket.socket, process: dict[str, Any]) -> None:
    """Open a terminal for a process that has joined a container."""
    root = Root(Linux(), os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    open_console(root, connection, process, on_dev=False)
    os.close(root.descriptor)


def open_console(root: Root, connection: _socket.socket, process: dict[str, Any], *, on_dev: bool) -> None:
    """Open a terminal, bind it on /dev/console for a first process, send its master, and make it ours.

    The whole is one message: the name of the terminal and one descriptor.
    """
    master = root.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
    found = os.fstat(master)
    # A link or a file that an image put there must not be taken for a terminal (CVE-2025-52565).
    if root.kernel.filesystem_type(master) != DEVPTS_MAGIC or found.st_rdev != os.makedev(5, 2):
        raise StartFailed("/dev/pts/ptmx of the container is not a terminal multiplexer; mount devpts at /dev/pts")
    number = ctypes.c_int(0)
    _ioctl(master, _TIOCSPTLCK, ctypes.byref(number))
    _ioctl(master, _TIOCGPTN, ctypes.byref(number))
    slave = _ioctl(master, _TIOCGPTPEER, ctypes.c_ulong(os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    size = process.get("consoleSize") or {}
    if size.get("height") and size.get("width"):
        window = (ctypes.c_ushort * 4)(size["height"], size["width"], 0, 0)
        _ioctl(master, _TIOCSWINSZ, ctypes.byref(window))
    if on_dev:
        _bind(root, slave)
    name = f"/dev/pts/{number.value}".encode()
    connection.sendmsg([name], [(_SOL_SOCKET, _SCM_RIGHTS, master.to_bytes(4, "little"))])
    connection.close()
    os.close(master)
    os.fchown(slave, int((process.get("user") or {}).get("uid") or 0), -1)
    check(LIBC.ioctl(slave, ctypes.c_ulong(_TIOCSCTTY), ctypes.c_ulong(0)), "make the terminal ours")
    for stream in range(3):
        os.dup2(slave, stream)
    os.close(slave)


def _bind(root: Root, slave: int) -> None:
    target = root.file("/dev/console", links=False)
    try:
        if stat.S_IFMT(os.fstat(target).st_mode) not in (stat.S_IFREG, stat.S_IFCHR):
            raise StartFailed("/dev/console of the container is no file")
        tree = root.kernel.open_tree(slave, "", m.AT_EMPTY_PATH | m.OPEN_TREE_CLONE)
        root.kernel.move_mount(tree, target)
        os.close(tree)
    finally:
        os.close(target)


def _ioctl(descriptor: int, request: int, argument: object) -> int:
    return check(LIBC.ioctl(descriptor, ctypes.c_ulong(request), argument), "ioctl on a terminal")
