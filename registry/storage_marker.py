"""The storage that a configuration names: its driver, and the marker that says that it is this index's."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from msgspec.structs import asdict, replace

from registry.config import Config
from registry.config.types import hide_passwords
from registry.held import Held, StorageMissing
from registry.metadata import blobs, pairing
from registry.metadata.database import Database
from storage.checked import Checked
from storage.content import ContentStore
from storage.driver import Driver
from storage.drivers import load
from storage.errors import NoSpace, ReadOnly, StorageError

log = logging.getLogger(__name__)

OF_CLIENTS = ("redirect", "redirect_expires", "redirect_except_networks", "redirect_except_agents")
"""Settings of the section s3 that are not the driver's."""

FIRST_LOOK = 5.0
"""Seconds that a bucket may take to answer at the start, each of two times."""


ITSELF = "the storage: "
"""What a storage error that is about no path begins with."""


def driver_of(config: Config, held: Held | None = None) -> Driver:
    """The configured driver, in the folder that is held. Raises StorageError."""
    settings: dict[str, Any] = {}
    if config.storage.driver == "filesystem":
        settings = {"path": config.storage.path, "descriptor": None if held is None else held.storage}
    if config.storage.driver == "s3":
        settings = {name: value for name, value in asdict(config.s3).items() if name not in OF_CLIENTS}
    return load(config.storage.driver, **settings)


def check_marker(config: Config, held: Held | None = None) -> None:
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
        ensure_marker(ContentStore(driver), database, config)
    except StorageError as error:
        raise StorageMissing(f"{described(config)} cannot be used: {str(error).removeprefix(ITSELF)}") from error
    finally:
        database.close()


def ensure_marker(content: ContentStore, database: Database, config: Config) -> None:
    """Mark a new storage with the number of its index, or find it so marked. Raises StorageMissing.

    An unmarked storage should not be without its bytes, and an index that knows of nothing should not be beside bytes.
    """
    marker = content.marker()
    number = database.read_now(pairing.find)
    if marker and marker == str(number):
        return
    is_known = database.read_now(blobs.any_known)
    if marker is None:
        if config.storage.driver != "memory" and is_known:
            what = "is it the right bucket and prefix?" if config.storage.driver == "s3" else "is its disk mounted?"
            raise StorageMissing(f"{described(config)} is empty, but the database knows of blobs in it; {what}")
    elif not is_known and content.has_blobs():
        raise StorageMissing(
            f"{described(config)} holds blobs, but the database {hide_passwords(config.database.url)} knows of none: "
            "it is new, or another; restore it from its backup (tags and manifests are nowhere else), or name an empty "
            "storage to begin anew"
        )
    if marker and number is not None:
        log.warning(
            "%s was last used with another database than %s: if one of the two was restored or exchanged, see that "
            "they belong together",
            described(config),
            hide_passwords(config.database.url),
        )
    elif marker and marker.isdecimal():
        database.write_now(lambda session: pairing.ensure(session, int(marker)), always=True)
    else:
        number = database.write_now(pairing.ensure, always=True)
        # One that is there already, of a version before, is given its number when the disk takes it.
        with suppress(*(() if marker is None else (NoSpace, ReadOnly))):
            content.write_marker(str(number))


def described(config: Config) -> str:
    """The storage in words."""
    if config.storage.driver != "s3":
        return f"storage.path {config.storage.path}"
    s3 = config.s3
    at = f" at {s3.endpoint}" if s3.endpoint else ""
    return f"bucket {s3.bucket}{f', prefix {s3.prefix},' if s3.prefix else ''}{at}"
