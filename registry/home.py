"""The storage that a configuration names: its driver, the mark that says whose it is, and the lock of its server.

A server holds the folder of its storage open from its start to its end, and its workers inherit that: whatever becomes
of the folder's name, none of them ever works in another (`storage/drivers/root.py`). The lock ends with the last
process that holds it, so a crash leaves nothing locked.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import Any, NamedTuple

from msgspec.structs import asdict, replace

from registry.config import Config
from registry.metadata import blobs
from registry.metadata.database import Database
from storage.checked import Checked
from storage.content import ContentStore
from storage.driver import Driver
from storage.drivers import load
from storage.errors import StorageError

OF_CLIENTS = ("redirect", "redirect_expires", "redirect_except_networks", "redirect_except_agents")
"""Settings of the section s3 that are not the driver's."""

FIRST_LOOK = 5.0
"""Seconds that a bucket may take to answer at the start, each of two times."""


ITSELF = "the storage: "
"""What a storage error that is about no path begins with."""


class StorageMissing(RuntimeError):
    """The storage cannot be used, or it is not the one that the index knows of."""


LOCK_SECONDS = 10.0
"""How long a start waits for another server of the same folders to end, as when an upgrade overlaps."""


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
    with contextlib.suppress(PermissionError):  # of a folder above that this user may not read: it was made by others
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


def driver_of(config: Config, held: Held | None = None) -> Driver:
    """The configured driver, in the folder that is held. Raises StorageError."""
    settings: dict[str, Any] = {}
    if config.storage.driver == "filesystem":
        settings = {"path": config.storage.path, "descriptor": None if held is None else held.storage}
    if config.storage.driver == "s3":
        settings = {name: value for name, value in asdict(config.s3).items() if name not in OF_CLIENTS}
    return load(config.storage.driver, **settings)


def claim_storage(config: Config, held: Held | None = None) -> None:
    """Find that the storage is this index's, before any worker is started. Raises StorageMissing."""
    if config.storage.driver == "memory":
        return
    s3 = config.s3
    hasty = replace(config, s3=replace(s3, attempts=min(2, s3.attempts), timeout=min(FIRST_LOOK, s3.timeout)))
    database = Database.open(config.database.url)
    try:
        driver = Checked(driver_of(hasty, held))
        if not driver.local:
            driver.probe()  # says more of what is wrong than a look does
        claim(ContentStore(driver), database, config)
    except StorageError as error:
        raise StorageMissing(f"{described(config)} cannot be used: {str(error).removeprefix(ITSELF)}") from error
    finally:
        database.close()


def claim(content: ContentStore, database: Database, config: Config) -> None:
    """Mark a new storage, or find it marked; an unmarked one should not be without its bytes."""
    if content.is_home():
        return
    if config.storage.driver != "memory" and database.read_now(blobs.any_known):
        what = "is it the right bucket and prefix?" if config.storage.driver == "s3" else "is its disk mounted?"
        raise StorageMissing(f"{described(config)} is empty, but the database knows of blobs in it; {what}")
    content.mark()


def described(config: Config) -> str:
    """The storage in words."""
    if config.storage.driver != "s3":
        return f"storage.path {config.storage.path}"
    s3 = config.s3
    at = f" at {s3.endpoint}" if s3.endpoint else ""
    return f"bucket {s3.bucket}{f', prefix {s3.prefix},' if s3.prefix else ''}{at}"
