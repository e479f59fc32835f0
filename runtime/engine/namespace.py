"""Network namespaces that live at a path, so that they outlast the processes of a container."""

from __future__ import annotations

import contextlib
import os

from runtime.syscall import mounts, namespaces
from runtime.syscall.users import stand_in

_OWN = "/proc/thread-self/ns/net"


def make(path: str, users: str = "") -> None:
    """A new network namespace at a path, which belongs to the user namespace at another if one is given.

    Raises OSError.
    """
    with open(path, "w", encoding="ascii"):
        pass
    if users:
        aside(path, users)
        return
    here = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # This thread alone moves there, for a moment; the mount holds the namespace.
        namespaces.unshare(namespaces.CLONE_NEWNET)
        try:
            mounts.mount(_OWN, path, None, mounts.MS_BIND)
        finally:
            namespaces.setns(here, namespaces.CLONE_NEWNET)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(here)


def aside(path: str, users: str = "") -> None:
    """The same by a process of its own, for who could not come back; `path` is there. Raises OSError."""
    descriptor = os.open(users, os.O_RDONLY | os.O_CLOEXEC) if users else -1
    try:
        with stand_in(namespaces.CLONE_NEWNET, descriptor) as pid:
            mounts.mount(f"/proc/{pid}/ns/net", path, None, mounts.MS_BIND)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def drop(path: str) -> None:
    """Take it away; nothing happens if there is none."""
    with contextlib.suppress(OSError):
        mounts.umount2(path, mounts.MNT_DETACH)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
