"""Leaving and entering namespaces, and the names of the UTS namespace."""

from __future__ import annotations

import os

from runtime.syscall.libc import LIBC, check, text

CLONE_NEWTIME = 0x00000080
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000


_WHOLE = ["0", "0", "4294967295"]


def is_initial_users() -> bool:
    """Whether this process is in the user namespace of the machine, where every id is mapped to itself."""
    descriptor = os.open("/proc/self/uid_map", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096).decode().split() == _WHOLE
    finally:
        os.close(descriptor)


def unshare(flags: int) -> None:
    """unshare(2): move this process, and for pid and time its children, into new namespaces."""
    check(LIBC.unshare(flags), "unshare")


def setns(descriptor: int, flags: int = 0) -> None:
    """setns(2): join the namespace of a descriptor, or with a pidfd those of `flags` of that process, all or none."""
    check(LIBC.setns(descriptor, flags), "setns")


def sethostname(name: str) -> None:
    """Set the host name of this UTS namespace."""
    encoded = name.encode()
    check(LIBC.sethostname(encoded, len(encoded)), "sethostname")


def setdomainname(name: str) -> None:
    """Set the NIS domain name of this UTS namespace."""
    encoded = text(name) or b""
    check(LIBC.setdomainname(encoded, len(encoded)), "setdomainname")
