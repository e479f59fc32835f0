"""The paced check of stored bytes: flipped bits do not show in a size. Recently read blobs come first."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from registry.metadata import blobs
from registry.metadata.blobs import Located
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.services.quarantine import Quarantine
from storage.content import ContentStore
from storage.digest import Digest
from storage.errors import Damaged, NotFound, StorageError

BATCH = 100
"""Blobs looked up at a time."""


class Stopped(Exception):
    """The reading was told to stop in the middle."""


@dataclass(slots=True)
class Pace:
    """Holds a reader to `rate` bytes per second, until `stop` is set."""

    rate: int
    stop: threading.Event = field(default_factory=threading.Event)
    started: float = 0.0
    done: int = 0

    def __call__(self, count: int) -> None:
        now = time.monotonic()
        if not self.started:
            self.started = now
        self.done += count
        ahead = self.done / self.rate - (now - self.started)
        if self.stop.wait(ahead) if ahead > 0 else self.stop.is_set():
            raise Stopped


class Scrubber:
    """One run checks what is due, for at most `turn` seconds."""

    def __init__(
        self,
        database: Database,
        content: ContentStore,
        quarantine: Quarantine,
        pool: ThreadPoolExecutor,
        rate: int,
        again_after: float,
    ) -> None:
        self._database = database
        self._content = content
        self._quarantine = quarantine
        self._pool = pool
        self._rate = rate
        self._again_after = again_after

    async def is_due(self) -> bool:
        """Whether any blob is."""
        before = now_ms() - int(self._again_after * 1000)
        return bool(await self._database.read(lambda session: blobs.to_verify(session, before, 1)))

    async def run(self, turn: float) -> int:
        """How many blobs were checked. Raises StorageError when some could not be read, after the others."""
        before = now_ms() - int(self._again_after * 1000)
        due = await self._database.read(lambda session: blobs.to_verify(session, before, BATCH))
        pace = Pace(self._rate)
        deadline = time.monotonic() + turn
        checked = 0
        trouble: StorageError | None = None
        try:
            for text, blob in due:
                if time.monotonic() > deadline:
                    break
                try:
                    await self._check(Digest.parse(text), blob, pace)
                except StorageError as error:  # a bad sector, say: it must not keep the rest from being checked
                    trouble = error
                checked += 1
        finally:
            pace.stop.set()  # cancelled, the thread that reads would go on
        if trouble is not None:
            raise trouble
        return checked

    async def _check(self, digest: Digest, blob: Located, pace: Pace) -> None:
        loop = asyncio.get_running_loop()
        started = now_ms()
        verify = partial(self._content.verify, digest, blob.size, pace, place=blob.place)
        try:
            await loop.run_in_executor(self._pool, verify)
        except NotFound as error:
            await self._quarantine.report(digest, blob, str(error))
        except Damaged as error:
            await self._quarantine.report(digest, blob, str(error), read_since=started)
        else:
            await self._database.write(lambda session: blobs.verified(session, str(digest), now_ms()), durable=False)
