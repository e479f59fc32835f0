"""Removes what uploads leave in storage that hides partial files and cannot rename: multipart uploads without a
session, and bytes at places of their own that belong to no blob.

A crash leaves both, whether the index ever heard of them or not; a blob that is pushed again leaves its old place,
which may still be read. The owner of a file is known from its place, which begins with the mark of the upload's path.
A session's row ends in the transaction that gives its place to a blob, so what is old, no session's and then no blob's
will never be one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Protocol

from registry.metadata import blobs, uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from storage import paths
from storage.driver import Driver, Multipart, Stat
from storage.errors import NotFound

log = logging.getLogger(__name__)

LOOKS = 5000
"""Placed files looked at in one run."""

PAGE = 1000


class Hiding(Driver, Multipart, Protocol):
    """Such storage."""


class OrphanSweeper:
    """`expire_after` and `grace` in seconds: since they were begun, and since they were first seen without an owner."""

    def __init__(
        self, database: Database, driver: Hiding, pool: ThreadPoolExecutor, expire_after: float, grace: float
    ) -> None:
        self._database = database
        self._driver = driver
        self._pool = pool
        self._expire_after = expire_after
        self._grace = grace
        self._walk: Iterator[tuple[str, Stat]] = iter(())
        self._orphans: dict[str, float] = {}
        self._writes = -1
        self._quiet_since = 0.0
        """Since when (seconds since the epoch) nothing was pushed here, and when the present walk began."""
        self._walk_began = 0.0
        self._clean = False

    async def is_due(self) -> bool:
        """Whether there may be anything: there is not after a walk that found nothing of its kind, and begun so long
        after the last push that what that left was old."""
        if self._writes != self._database.durable_writes:
            self._writes, self._quiet_since, self._clean = self._database.durable_writes, now_ms() / 1000, False
        return not self._clean

    async def sweep(self) -> int:
        """Remove what is old and has no owner; how many."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._sweep)

    def _sweep(self) -> int:
        before = now_ms() / 1000 - self._expire_after
        abandoned = list(self._driver.abandoned(before))
        placed = [place for place, stat in self._next() if stat.modified < before]
        marks = self._marks() if abandoned or placed else set()  # after the looks, or a new session would be missing
        aborted = 0
        for upload in abandoned:
            if paths.mark_of(upload.partition(" ")[0]) not in marks:
                self._driver.abort(upload)
                aborted += 1
        removed = sum(self._remove(place) for place in placed if paths.mark_of(place) not in marks)
        if aborted or removed:
            log.info("aborted %d multipart uploads and removed %d orphaned files", aborted, removed)
        return aborted + removed

    def _next(self) -> list[tuple[str, Stat]]:
        """Goes on where the last run stopped; at the end, or after a failure, from the start."""
        found = list(islice(self._walk, LOOKS))
        if len(found) < LOOKS:
            self._clean = not self._orphans and self._walk_began > self._quiet_since + self._expire_after
            self._walk_began = now_ms() / 1000
            self._walk = self._driver.walk(paths.PLACED)
            found += islice(self._walk, LOOKS - len(found))
        return found

    def _marks(self) -> set[str]:
        """Of the paths of all sessions."""
        marks: set[str] = set()
        after = ""
        while page := self._database.read_now(lambda session: uploads.names_after(session, after, PAGE)):  # noqa: B023
            marks.update(paths.upload_mark(paths.upload_data(repository, id)) for repository, id in page)
            after = page[-1][1]
        return marks

    def _remove(self, place: str) -> bool:
        if self._database.read_now(lambda session: blobs.is_at(session, place)):
            self._orphans.pop(place, None)
            return False
        if now_ms() / 1000 - self._orphans.setdefault(place, now_ms() / 1000) < self._grace:
            return False
        del self._orphans[place]
        with suppress(NotFound):
            self._driver.delete(place)
        return True
