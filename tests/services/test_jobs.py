"""Recurring work: one holder at a time, lapsed leases, failures that are kept and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from registry.metadata import jobs as store
from registry.metadata.clock import now_ms
from registry.metadata.models import jobs as table
from registry.metadata.session import Session
from registry.metadata.statement import Statement
from registry.services import jobs
from registry.services.jobs import Jobs, Work
from storage.errors import Unavailable
from tests.services.parts import Parts

pytestmark = pytest.mark.anyio

ROWS = Statement(table.select().with_only_columns(table.c.owner, table.c.leased_until, table.c.attempts, table.c.error))


def row(parts: Parts) -> tuple[str, int, int, str]:
    """The one job's owner, lease, attempts and error."""
    ((owner, until, attempts, error),) = parts.database.read_now(lambda session: session.all(ROWS))
    return owner, until, attempts, error


def worker(parts: Parts, run: Callable[[], Awaitable[object]], every: float = 0.0, *, leased: bool = True) -> Jobs:
    return Jobs(parts.database, [Work("test", every, run, leased)])


async def once(made: Jobs) -> None:
    await made._run_leased(made._work[0])


async def test_one_holder_at_a_time(parts: Parts) -> None:
    inside, most, runs = 0, 0, 0

    async def run() -> None:
        nonlocal inside, most, runs
        inside, runs = inside + 1, runs + 1
        most = max(most, inside)
        await asyncio.sleep(0.02)
        inside -= 1

    workers = [worker(parts, run, 0.01) for _ in range(2)]
    for each in workers:
        each.start()
    async with asyncio.timeout(30):
        while runs <= 3:
            await asyncio.sleep(0.01)
    for each in workers:
        await each.stop()
    assert most == 1


async def test_it_is_not_run_more_often_than_every(parts: Parts) -> None:
    runs = []

    async def run() -> None:
        runs.append(now_ms())

    first, second = worker(parts, run, 60), worker(parts, run, 60)
    for each in (first, second, first, second):
        await once(each)
    assert len(runs) == 1
    assert row(parts)[:2] == ("", 0)


async def test_a_lease_lapses_when_its_holder_dies(parts: Parts) -> None:
    runs = []

    async def run() -> None:
        runs.append(1)

    def take(until: int) -> None:
        def taken(session: Session) -> None:
            store.ensure(session, "test", 0, now_ms())
            assert store.lease(session, "test", "the dead", now_ms(), until) is not None

        parts.database.write_now(taken)

    take(150)
    await once(worker(parts, run))
    assert runs == []
    await asyncio.sleep(0.2)
    await once(worker(parts, run))
    assert runs == [1]


async def test_a_lease_is_renewed_while_the_work_goes_on(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE", 0.3)
    runs = []

    async def slow() -> None:
        runs.append("slow")
        await asyncio.sleep(1.0)

    async def fast() -> None:
        runs.append("fast")

    holding = asyncio.create_task(once(worker(parts, slow)))
    for _ in range(8):
        await asyncio.sleep(0.1)
        await once(worker(parts, fast))
    await holding
    assert runs == ["slow"]


async def test_a_worker_that_stops_gives_its_leases_back(parts: Parts) -> None:
    running = asyncio.Event()
    runs = []

    async def endless() -> None:
        running.set()
        await asyncio.sleep(60)

    async def run() -> None:
        runs.append(1)

    stopping = worker(parts, endless)
    stopping.start()
    await asyncio.wait_for(running.wait(), 5)
    await stopping.stop()
    assert row(parts)[:2] == ("", 0)
    await once(worker(parts, run))
    assert runs == [1]


async def test_a_worker_can_be_stopped_as_its_work_ends(parts: Parts) -> None:
    async def run() -> None:
        asyncio.get_running_loop().call_soon(made._tasks[0].cancel)

    made = worker(parts, run)
    made.start()
    _, going = await asyncio.wait(made._tasks, timeout=1)
    await asyncio.wait_for(made.stop(), 5)
    assert not going
    assert row(parts)[:2] == ("", 0)


async def test_a_failure_is_kept_and_tried_again(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    failing = True

    async def run() -> None:
        if failing:
            raise Unavailable("the disk does not answer")

    made = worker(parts, run)
    for attempt in (1, 2):
        with pytest.raises(Unavailable):
            await once(made)
        assert row(parts) == ("", 0, attempt, "the disk does not answer")
    failing = False
    await once(made)
    assert row(parts) == ("", 0, 0, "")


async def test_a_failure_does_not_end_the_worker(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    errors: list[Exception] = [Unavailable("no disk"), ValueError("a defect")]
    done = asyncio.Event()

    async def run() -> None:
        if errors:
            raise errors.pop(0)
        done.set()

    for leased in (True, False):
        errors[:] = [Unavailable("no disk"), ValueError("a defect")]
        done.clear()
        made = worker(parts, run, 0.01, leased=leased)
        made.start()
        await asyncio.wait_for(done.wait(), 5)
        await made.stop()
    assert "job test failed and will be tried again: no disk" in caplog.text
    assert "a defect" in caplog.text


async def test_work_without_a_lease_runs_in_every_worker(parts: Parts) -> None:
    ran: set[str] = set()

    def run(name: str) -> Callable[[], Awaitable[object]]:
        async def work() -> None:
            ran.add(name)

        return work

    workers = [worker(parts, run(name), 0.01, leased=False) for name in ("one", "two")]
    for each in workers:
        each.start()
    await asyncio.sleep(0.2)
    for each in workers:
        await each.stop()
    assert ran == {"one", "two"}
