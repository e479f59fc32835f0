"""Followers of events: each has a cursor and is given, in batches, what happened after it.

What a follower may rely on, and what it must bear:

1. At least once. The cursor moves when `apply` has returned and not before, so after a crash, or when a lease has
   lapsed while its holder went on, a batch comes again. It never moves back.
2. In the order of ids, which is the order of commits: one process writes at a time, on PostgreSQL by an advisory lock
   that is taken before the first id is drawn. Ids may be left out, and are never used twice.
3. An event is seen with all that its transaction changed. A batch may end between two events of one transaction, and
   the index may be further on than the batch: a follower that asks the index for the state gets the newest.
4. A batch is dealt with whole or comes again whole, perhaps with more in it.
5. A follower without a cursor is new: events before its time may be gone, so it rebuilds from the index, and follows
   from the last event that was there when that began. A rebuild that was cut short begins again.
6. An event is kept until every cursor has passed it, however old it is, and then until its retention is over
   (`events.prune_after`). A follower that falls behind holds events; its lag is a metric.
7. One worker leads, by the lease of the follower's job. While there is nothing to follow nothing is written, the lease
   included: `is_behind` reads two rows and is asked first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple

from registry.metadata import events
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.services.follower import Follower

BATCH = 2000
"""Events dealt with between two moves of the cursor."""

QUIET_MS = 300
"""After the last event the registry is quiet."""

LOOK_SECONDS = 0.2
LOOKS = 25
"""How often, and how many times, a follower looks whether the registry is quiet before it works all the same."""

LATE_MS = 30_000
"""An event that has waited for so long is late: the follower then takes half of the time, not a tenth."""

TURN_SECONDS = 10.0
"""One run of the job goes on for so long at most, when more is to be followed than it can."""


class Lag(NamedTuple):
    """How far a follower is behind."""

    name: str
    events: int
    seconds: float
    """Since the first event that it has not dealt with."""


class Following:
    """Leads one follower."""

    def __init__(self, database: Database, follower: Follower, pool: ThreadPoolExecutor) -> None:
        self._database = database
        self._follower = follower
        self._pool = pool
        self._rebuild: Iterator[None] | None = None
        self._rebuilt_from = 0

    async def is_behind(self) -> bool:
        """Whether there is anything to do."""
        at = await self._database.read(lambda session: events.position(session, self._follower.name))
        return at.cursor is None or at.behind > 0

    async def run(self) -> None:
        """Follow to the end, or for one turn: in a quiet moment at once, else for no more than a share of the time.

        The index is what requests are answered from, so they go first.
        """
        loop = asyncio.get_running_loop()
        deadline = monotonic() + TURN_SECONDS
        while True:
            quiet = await self._is_quiet()
            started = monotonic()
            more = await loop.run_in_executor(self._pool, self.step)
            if not more or monotonic() > deadline:
                return
            if not quiet:
                await asyncio.sleep((monotonic() - started) * (1 if await self._is_late() else 9))

    def step(self) -> bool:
        """Deal with one batch, or take one step of a rebuild; whether there may be more. Blocks."""
        name = self._follower.name
        at = self._database.read_now(lambda session: events.position(session, name))
        if at.cursor is None:
            return self._step_of_rebuild(at.last)
        self._rebuild = None  # another worker has ended it, if there was one
        start = at.cursor
        batch = self._database.read_now(lambda session: events.after(session, start, BATCH))
        if not batch:
            return False
        self._follower.apply(batch)
        self._advance(batch[-1].id)
        return len(batch) == BATCH

    def _step_of_rebuild(self, last: int) -> bool:
        if self._rebuild is None:
            self._rebuild, self._rebuilt_from = self._follower.rebuild(), last
        for _ in self._rebuild:
            return True
        self._rebuild = None
        self._advance(self._rebuilt_from)
        return True

    def _advance(self, id: int) -> None:
        name = self._follower.name
        self._database.write_now(lambda session: events.advance_cursor(session, name, id), durable=False)

    async def _is_quiet(self) -> bool:
        """Whether nothing happened just now, in any worker; waits a moment for that."""
        for _ in range(LOOKS):
            since = now_ms() - await self._database.read(events.last_at)
            if not 0 <= since < QUIET_MS:  # a clock set back is no reason to wait
                return True
            if await self._is_late():
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return False

    async def _is_late(self) -> bool:
        at = await self._database.read(lambda session: events.position(session, self._follower.name))
        return at.waiting_since is not None and now_ms() - at.waiting_since > LATE_MS


def lags(database: Database, followers: list[str]) -> list[Lag]:
    """How far each is behind. Blocks."""
    now = now_ms()
    found = []
    for name in followers:
        at = database.read_now(lambda session: events.position(session, name))  # noqa: B023 - run at once
        waiting = 0.0 if at.waiting_since is None else max(0, now - at.waiting_since) / 1000
        found.append(Lag(name, at.behind, waiting))
    return found
