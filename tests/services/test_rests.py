"""Work that rests: begun by a commit of this process, and nothing is written where nothing is due."""

from __future__ import annotations

import asyncio

import pytest

from registry.metadata import events
from registry.metadata.models import jobs as table
from registry.metadata.statement import Statement
from registry.services import jobs
from registry.services.expiry import Orphans
from registry.services.jobs import Jobs, Work
from tests.services.parts import Parts

pytestmark = pytest.mark.anyio

ROWS = Statement(table.select())


async def test_a_commit_wakes_what_rests(parts: Parts) -> None:
    looks, runs = [], []
    due = False

    async def is_due() -> bool:
        looks.append(1)
        return due

    async def run() -> None:
        nonlocal due
        due = False
        runs.append(1)

    made = Jobs(parts.database, [Work("test", 0.01, run, due=is_due, rests=True)])
    made.start()
    await asyncio.sleep(0.3)
    assert len(looks) == 1, "it looks by the clock"
    assert parts.database.read_now(lambda session: session.all(ROWS)) == []
    due = True
    await parts.database.write(lambda session: events.append(session, "repository.created", "app"))
    async with asyncio.timeout(5):
        while not runs:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert len(runs) == 1
    await made.stop()


async def test_what_another_process_left_undone_is_looked_for(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "REST_SECONDS", 0.05)
    looks = []

    async def is_due() -> bool:
        looks.append(1)
        return len(looks) == 3

    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    made = Jobs(parts.database, [Work("test", 0.01, run, due=is_due, rests=True)])
    made.start()
    await asyncio.wait_for(ran.wait(), 5)
    await made.stop()


async def test_a_job_that_is_not_due_is_not_written_to(parts: Parts) -> None:
    async def run() -> None:
        pass

    made = Jobs(parts.database, [Work("test", 60, run)])
    await made._run_leased(made._work[0])
    before = parts.database.durable_writes, parts.database.generation()
    for _ in range(3):
        await made._run_leased(made._work[0])
    assert (parts.database.durable_writes, parts.database.generation()) == before


async def test_partial_files_are_looked_for_until_there_are_none(parts: Parts) -> None:
    orphans = Orphans(parts.database, parts.driver, parts.pool, 0.2)
    assert await orphans.is_due()
    await orphans.sweep()
    assert not await orphans.is_due()
    await parts.database.write(lambda session: None)
    assert await orphans.is_due(), "something was pushed"
