"""Network namespaces that live at a path, so that they outlast the processes of a container."""

from __future__ import annotations

import contextlib
import os
import threading

from runtime.syscall import mounts, namespaces


def make(path: str) -> None:
    """A new network namespace at a path. Raises OSError."""
    with open(path, "w", encoding="ascii"):
        pass
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


def drop(path: str) -> None:
    """Take it away; nothing happens if there is none."""
    with contextlib.suppress(OSError):
        mounts.umount2(path, mounts.MNT_DETACH)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
