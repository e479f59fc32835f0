"""The folders of a server: opened and locked at its start, held to its end, inherited by its workers.

Whatever becomes of the name of the storage's folder, no worker ever works in another (`storage/drivers/root.py`), not
even one that is started later. The locks end with the last process that holds them: a crash leaves nothing locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import NamedTuple

from registry.config import Config

LOCK_SECONDS = 10.0
"""How long a start waits for another server of the same folders to end, as when an upgrade overlaps."""


class StorageMissing(RuntimeError):
    """The storage cannot be used, or it is not the one that the index knows of."""


class Held(NamedTuple):
    """Descriptors of folders that a server has locked; None where it has no such folder."""

    root: int | None
    storage: int | None


def hold(config: Config) -> Held:
    """Open the folders and lock them for this server and its workers. Raises StorageMissing.

    Servers of one PostgreSQL database share a storage; SQLite's file and what goes with it have one server.
    """
    alone = config.database.url.startswith("sqlite:")
    root = _locked(config.server.root, "server.root") if alone else None
    if config.storage.driver != "filesystem":
        return Held(root, None)
    path = config.storage.path
    if root is not None and os.path.samefile(path, config.server.root):
        return Held(root, root)
    storage = _locked(path, "storage.path") if alone else _opened(path)
    with contextlib.suppress(OSError):  # a folder above that this user may not read, or a read-only disk: not made now
        above = _opened(os.path.dirname(os.path.abspath(path)))
        try:
            os.fsync(above)
        finally:
            os.close(above)
    return Held(root, storage)


def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _locked(path: str, key: str) -> int:
    descriptor = _opened(path)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StorageMissing(
                    f"another server is running on {key} {path}; stop it first, or give this one a folder of its own"
                ) from None
            time.sleep(0.05)
            continue
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL):
                raise
            # A file system without such locks, or not on folders (NFS): then there is no warning.
        return descriptor
