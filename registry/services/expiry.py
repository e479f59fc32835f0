"""Expiry of uploads: what no request has touched for long goes, its bytes first.

Sessions are found by their rows (`expire_uploads`). A process that is killed may leave bytes without a row: those of a
young session, or of a blob in a single POST. They are found by looking through the folders (`Orphans`), now and then.
Of storage that hides partial files, what is kept beside them is found so; for the rest see orphan_sweeper.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

from registry.metadata import events, uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.oci.reference import valid_name
from registry.services.actor import SYSTEM
from registry.services.uploads.session import is_id
from registry.services.uploads.upkeep import Upkeep
from storage import paths
from storage.driver import Adopts, Driver
from storage.errors import Busy, NotFound

log = logging.getLogger(__name__)

BATCH = 100
"""Sessions removed in one run."""

LOOKS = 5000
"""Repositories and partial files looked at in one run."""


async def expire_uploads(database: Database, upkeep: Upkeep, expire_after: float) -> int:
    """Remove sessions idle for `expire_after` seconds; how many."""
    removed = await upkeep.expire(now_ms() - int(expire_after * 1000), BATCH)

    def record(session: Session) -> None:
        for row in removed:
            events.append(
                session,
                "upload.expired",
                repository=row.repository,
                size=row.offset,
                actor=SYSTEM.principal,
                at=now_ms(),
            )

    if removed:
        await database.write(record, durable=False)
    return len(removed)


async def any_expired(database: Database, expire_after: float) -> bool:
    """Whether there is any such session."""
    before = now_ms() - int(expire_after * 1000)
    return bool(await database.read(lambda session: uploads.expired(session, before, 1)))


LOOKS_FAR = 100
"""The same where each look is a request to another machine."""


class Orphans:
    """Partial files that no row speaks of. Each run goes on where the last one stopped.

    When a walk has found none, there will be none before something is pushed again, or a process dies: then another one
    takes its place and walks anew.

    Only files under ids of our form are touched: in an adopted folder the reference registry's sessions are its own.
    """

    def __init__(self, database: Database, driver: Driver, pool: ThreadPoolExecutor, expire_after: float) -> None:
        self._database = database
        self._driver = driver
        self._pool = pool
        self._expire_after = expire_after
        self._walk: Iterator[tuple[str, str]] | None = None
        self._began = 0
        """The database's durable writes when the walk began."""
        self._found = False
        """Whether it has met a file without a row."""
        self._clean: int | None = None
        """Durable writes when the last walk that found nothing began."""

    async def is_due(self) -> bool:
        """Whether there may be any."""
        return self._clean != self._database.durable_writes

    async def sweep(self) -> int:
        """Remove those not written to for `expire_after` seconds; how many."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._sweep)

    def _sweep(self) -> int:
        looks = LOOKS if self._driver.local else LOOKS_FAR
        walk, self._walk = self._walk, None  # a failure ends it: the next run begins anew
        if walk is None:
            walk, self._began, self._found = self._uploads(""), self._database.durable_writes, False
        found = list(islice(walk, looks))
        before = now_ms() / 1000 - self._expire_after
        partial = [one for one in found if one[1] and not self._known(*one)]
        removed = sum(self._remove(repository, upload, before) for repository, upload in partial)
        removed += self._discard(before)
        self._found = self._found or bool(partial)
        if len(found) == looks:
            self._walk = walk
        else:
            self._clean = None if self._found else self._began
        if removed:
            log.info("removed %d partial files of uploads that a crash has lost", removed)
        return removed

    def _discard(self, before: float) -> int:
        """Remove files that were put in for uploads and not asked to be taken; how many."""
        driver = self._driver
        if not isinstance(driver, Adopts):
            return 0
        names = list(islice(driver.list(paths.LINKED), LOOKS))
        self._found = self._found or bool(names)
        return sum(driver.discard(paths.linked(name), before) for name in names)

    def _uploads(self, repository: str) -> Iterator[tuple[str, str]]:
        """Each repository below this one, without an upload, and each of its uploads."""
        folder = paths.repository_dir(repository) if repository else paths.REPOSITORIES
        for name in self._driver.list(folder):
            below = f"{repository}/{name}" if repository else name
            if valid_name(below):
                yield below, ""
                for upload in self._driver.list(paths.uploads_dir(below)):
                    if is_id(upload):
                        yield below, upload
                yield from self._uploads(below)

    def _remove(self, repository: str, upload: str, before: float) -> bool:
        """Remove it if it is old, no session's, and no process is writing to it."""
        if not self._driver.local:
            return self._remove_beside(repository, upload, before)
        path = paths.upload_data(repository, upload)
        with suppress(NotFound, Busy):
            if self._driver.stat(path).modified >= before or self._known(repository, upload):
                return False
            writer = self._driver.resume(path)
            try:
                # Once more, now that it is locked: a chunk may have come in between, and a row.
                orphaned = writer.stat().modified < before and not self._known(repository, upload)
                if orphaned:
                    writer.cancel()
            finally:
                writer.suspend()
            return orphaned
        return False

    def _remove_beside(self, repository: str, upload: str, before: float) -> bool:
        """What a suspended upload keeps in files of its folder, when it belongs to no session any more."""
        folder = paths.upload_dir(repository, upload)
        with suppress(NotFound):
            ages = [self._driver.stat(f"{folder}/{name}").modified for name in self._driver.list(folder)]
            if ages and max(ages) < before and not self._known(repository, upload):
                self._driver.delete_tree(folder)
                return True
        return False

    def _known(self, repository: str, upload: str) -> bool:
        return self._database.read_now(lambda session: uploads.find(session, upload, repository)) is not None
