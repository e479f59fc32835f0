"""Background work: each kind runs in one worker at a time, whichever holds its lease, and survives its holder.

While there is nothing to do nothing is written: whether work is due, and its lease free, is read first. Work that is
begun by a write of this process rests until one comes, or for `REST_SECONDS`, after which it looks for what another
process has left undone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from registry.metadata import jobs
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.errors import DatabaseError, InReadOnlyWindow
from storage.errors import StorageError

log = logging.getLogger(__name__)

REST_SECONDS = 60.0

LEASE = 60.0
"""Seconds for which a lease is taken, and by which it is renewed while its work goes on."""


@dataclass(frozen=True, slots=True)
class Work:
    """Recurring work: `run` every `every` seconds. Work that is not `leased` runs in every worker.

    `due` only reads, and says whether there is anything to do: where there is not, no lease is taken and nothing is
    written. `rests`: where nothing is due, the next look is after a commit of this process, or after `wake`.
    """

    kind: str
    every: float
    run: Callable[[], Awaitable[object]]
    leased: bool = True
    due: Callable[[], Awaitable[bool]] | None = None
    rests: bool = False


class Jobs:
    """Runs the work of one worker until stopped."""

    def __init__(self, database: Database, work: list[Work]) -> None:
        self._database = database
        self._work = work
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resting: set[asyncio.Event] = set()
        """What the work that rests waits for."""

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._database.after_commit(self._committed)
        self._tasks = [asyncio.create_task(self._repeat(work), name=work.kind) for work in self._work]

    def wake(self) -> None:
        """Have all work that rests look again."""
        for event in self._resting:
            event.set()

    def _committed(self) -> None:
        """On another thread: the loop is only troubled when some work rests."""
        if self._resting and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed
                self._loop.call_soon_threadsafe(self.wake)

    async def stop(self) -> None:
        """End the work where it is and give its leases back; those that cannot be given back lapse."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(DatabaseError):
            await self._database.write(lambda session: jobs.release(session, self._owner), durable=False)

    async def _repeat(self, work: Work) -> None:
        while True:
            await asyncio.sleep(work.every)
            try:
                await self._once(work)
            except InReadOnlyWindow:
                log.debug("job %s waits: the registry takes no changes for now", work.kind)
            except (DatabaseError, StorageError) as error:
                log.warning("job %s failed and will be tried again: %s", work.kind, error)
            except Exception:
                log.exception("job %s failed and will be tried again", work.kind)

    async def _once(self, work: Work) -> None:
        woken = asyncio.Event()
        if work.rests:
            self._resting.add(woken)  # before the look, or what comes in between would be missed
        try:
            if work.due is not None and not await work.due():
                if work.rests:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(REST_SECONDS):
                            await woken.wait()
                return
        finally:
            self._resting.discard(woken)
        if work.leased:
            await self._run_leased(work)
        else:
            await work.run()

    async def _run_leased(self, work: Work) -> None:
        every, lease = int(work.every * 1000), int(LEASE * 1000)

        def take(session: Session) -> jobs.JobRow | None:
            jobs.ensure(session, work.kind, every, now_ms())
            return jobs.lease(session, work.kind, self._owner, now_ms(), lease)

        may = await self._database.read(lambda session: jobs.may_lease(session, work.kind, every, now_ms(), lease))
        job = None if not may else await self._database.write(take, durable=False)
        if job is None:
            return
        renewal = asyncio.create_task(self._renew(job.id))
        try:
            await work.run()
        except Exception as error:
            text = str(error)
            await self._database.write(
                lambda session: jobs.fail(session, job.id, self._owner, text, now_ms() + every), durable=False
            )
            raise
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])  # which, unlike a suppressed CancelledError, does not hide our own
        await self._database.write(
            lambda session: jobs.finish(session, job.id, self._owner, now_ms() + every - 1), durable=False
        )

    async def _renew(self, job: int) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            with contextlib.suppress(DatabaseError):
                await self._database.write(
                    lambda session: jobs.renew(session, job, self._owner, now_ms() + int(LEASE * 1000)), durable=False
                )
