"""Whether the server can do its work: what it stands on is really touched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor

from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError
from storage.driver import Driver
from storage.errors import StorageError

REMOTE_SECONDS = 5.0
"""Between two probes of storage that is not local: many may ask, and each probe is several requests."""

WAIT_SECONDS = 2.0
"""How long a probe is waited for: what asks has a time limit too, often of a few seconds."""


class Probe:
    """Touches something at most every so many seconds, and once at a time; those who ask meanwhile share the answer."""

    def __init__(self, touch: Callable[[], None], pool: Executor, every: float) -> None:
        self._touch = touch
        self._pool = pool
        self._every = every
        self._running: asyncio.Future[str] | None = None
        self._began = -1e9

    async def __call__(self) -> str:
        """ "ok", or what is wrong."""
        running = self._running
        if running is None or (running.done() and time.monotonic() - self._began >= self._every):
            self._began = time.monotonic()
            running = self._running = asyncio.get_running_loop().run_in_executor(self._pool, _probe, self._touch)
        await asyncio.wait([running], timeout=WAIT_SECONDS)
        return running.result() if running.done() else "it does not answer in time"


class Health:
    """For one worker; `draining` says whether it is about to stop."""

    def __init__(self, database: Database, driver: Driver, pool: Executor, draining: Callable[[], bool]) -> None:
        self._draining = draining
        self._database = Probe(database.check, pool, 0.0)
        self._storage = Probe(driver.probe, pool, 0.0 if driver.local else REMOTE_SECONDS)

    async def checks(self) -> dict[str, str]:
        """What was touched, each with "ok" or what is wrong. Storage that is far away is touched now and then."""
        database, storage = await asyncio.gather(self._database(), self._storage())
        checks = {"database": database, "storage": storage}
        return checks | {"server": "draining"} if self._draining() else checks


def _probe(touch: Callable[[], None]) -> str:
    try:
        touch()
    except (StorageError, DatabaseError) as error:
        return str(error)
    return "ok"
