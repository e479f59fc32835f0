"""Network namespaces that live at a path, so that they outlast the processes of a container."""

from __future__ import annotations

import contextlib
import os
import threading

from runtime.syscall import mounts, namespaces
from runtime.syscall.users import stand_in


def make(path: str, users: str = "") -> None:
    """A new network namespace at a path, which belongs to the user namespace at another if one is given.

    Raises OSError.
    """
    with open(path, "w", encoding="ascii"):
        pass
    if users:
        _owned(path, users)
        return
    trouble: list[OSError] = []

    def unshare() -> None:
        # The thread alone moves there, and ends; the mount holds the namespace.
        try:
            namespaces.unshare(namespaces.CLONE_NEWNET)
            mounts.mount("/proc/thread-self/ns/net", path, None, mounts.MS_BIND)
        except OSError as error:
            trouble.append(error)

    thread = threading.Thread(target=unshare)
    thread.start()
    thread.join()
    if trouble:
        os.unlink(path)
        raise trouble[0]


def _owned(path: str, users: str) -> None:
    descriptor = os.open(users, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with stand_in(namespaces.CLONE_NEWNET, descriptor) as pid:
            mounts.mount(f"/proc/{pid}/ns/net", path, None, mounts.MS_BIND)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def drop(path: str) -> None:
    """Take it away; nothing happens if there is none."""
    with contextlib.suppress(OSError):
        mounts.umount2(path, mounts.MNT_DETACH)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
