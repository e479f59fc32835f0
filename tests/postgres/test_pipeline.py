"""Reads of an event loop on PostgreSQL: they share connections, and none waits for another that is slow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from registry.metadata import repositories
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseUnavailable
from registry.metadata.postgres.backend import Postgres
from registry.metadata.session import Generation, Session
from tests.postgres.server import Cluster, shared
from tests.postgres.test_troubles import CUT, make, name_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the server has: others tell of a broken connection again and again."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def url() -> str:
    return shared().new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


def backend(s: Session) -> int:
    """The process that serves the connection."""
    return int(s.sql("SELECT pg_backend_pid()")[0][0])


def connections(url: str) -> int:
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name_of(url)}' AND application_name = 'entrepot'"
    return int(str(shared().execute(sql)[0][0]))


async def generation(database: Database) -> Generation | None:
    heard: asyncio.Future[Generation | None] = asyncio.get_running_loop().create_future()
    database.generation_soon(heard.set_result)
    return await heard


async def test_many_reads_share_a_connection_and_each_has_its_own_answer(database: Database, url: str) -> None:
    ids = [database.write_now(make(f"r{n}")) for n in range(20)]

    def both(s: Session, n: int) -> tuple[int | None, int | None]:
        return repositories.find(s, f"r{n}"), repositories.find(s, f"r{n + 1}")

    found = await asyncio.gather(*(database.read(lambda s, n=n: both(s, n)) for n in range(19) for _ in range(20)))  # type: ignore[misc]
    assert found == [(ids[n], ids[n + 1]) for n in range(19) for _ in range(20)]
    assert connections(url) <= 3  # the writer, and connections that came while the first was new


async def test_whoever_fails_when_told_takes_nobody_along(
    database: Database, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = await database.read(backend)
    await generation(database)

    def fails(*_: object) -> None:
        raise LookupError("a defect of the callback")

    database.read_soon(backend, fails)
    database.generation_soon(fails)
    async with asyncio.timeout(5):
        assert await generation(database) is not None
        assert await database.read(backend) == first  # on the connection there was
    assert caplog.text.count("LookupError: a defect of the callback") == 2


async def test_a_connection_that_is_reset_is_missed_at_once(url: str) -> None:
    """The server goes with statements of ours unread: its last words come, and then an error, told once."""
    reads = Postgres(url, readers=1).reads(asyncio.get_running_loop(), 1, None)
    try:
        first = await reads.read(backend)
        for _ in range(5):
            sleeping = [reads.read(lambda s: s.sql("SELECT pg_sleep(0.3)")) for _ in range(3)]
            await asyncio.sleep(0.1)
            waiting = [reads.read(backend) for _ in range(3)]
            await asyncio.sleep(0.05)
            shared().execute(CUT.format(name_of(url)))
            async with asyncio.timeout(6):
                found = await asyncio.gather(*waiting, *sleeping)
            assert found[0] != first
            first = found[0]
    finally:
        reads.close()


async def test_a_slow_read_holds_up_nobody_for_long(database: Database) -> None:
    await database.read(backend)
    slow = asyncio.create_task(database.read(lambda s: s.sql("SELECT pg_sleep(2)")))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    pids = {await database.read(backend) for _ in range(5)}
    assert time.monotonic() - started < 1
    assert len(pids) == 1
    assert not slow.done()
    slow.cancel()


async def test_connections_are_bounded(url: str) -> None:
    database = Database.open(url, readers=4)
    sleeps = [asyncio.create_task(database.read(lambda s: s.sql("SELECT pg_sleep(0.1)"))) for _ in range(12)]
    for _ in range(10):
        await asyncio.sleep(0.02)
        sleeps.append(asyncio.create_task(database.read(lambda s: s.sql("SELECT 1"))))
    await generation(database)
    assert connections(url) <= 4
    await asyncio.gather(*sleeps)
    database.close()


async def test_an_error_is_of_the_read_that_made_it(database: Database) -> None:
    def wrong(s: Session) -> object:
        return s.sql("SELECT no_such_column")

    def refuses(s: Session) -> None:
        backend(s)
        raise LookupError("no such thing")

    reads = [database.read(backend), database.read(wrong), database.read(refuses), database.read(make("app"))]
    results = await asyncio.gather(*reads, database.read(backend), return_exceptions=True)
    kinds = [type(result).__name__ for result in results]
    assert kinds == ["int", "UndefinedColumn", "LookupError", "DatabaseReadOnly", "int"]
    assert await database.read(backend)


async def test_cut_connections_are_not_noticed(database: Database, url: str) -> None:
    for _ in range(3):
        await asyncio.gather(*(database.read(backend) for _ in range(9)))
        shared().execute(CUT.format(name_of(url)))
        await asyncio.gather(*(database.read(backend) for _ in range(9)))
    cut = asyncio.create_task(database.read(lambda s: s.sql("SELECT 1 FROM pg_sleep(0.5)")))
    await asyncio.sleep(0.1)
    shared().execute(CUT.format(name_of(url)))
    assert await cut == [(1,)]  # asked again on another


async def test_a_server_that_is_away_is_unavailable_and_then_there_again() -> None:
    cluster = Cluster().start()
    try:
        database = Database.open(cluster.new_database())
        await database.read(backend)
        first = await generation(database)
        cluster.stop()
        results = await asyncio.gather(*(database.read(backend) for _ in range(9)), return_exceptions=True)
        assert [type(result) for result in results] == [DatabaseUnavailable] * 9
        assert await generation(database) is None
        cluster.start()
        assert await database.read(backend)
        again = await generation(database)
        assert again is not None
        assert again != first  # another connection, which may speak of another history
        database.close()
    finally:
        cluster.remove()


async def test_a_server_that_does_not_answer_is_unavailable(url: str) -> None:
    database = Database(Postgres(url, readers=3, answer_within=0.3), None)
    await database.read(backend)
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        await database.read(lambda s: s.sql("SELECT pg_sleep(5)"))
    assert await database.read(backend)
    database.close()


async def test_a_generation_is_asked_for_once_by_all_who_want_it_now(database: Database) -> None:
    assert database.latest_generation() is None
    asked = await asyncio.gather(*(generation(database) for _ in range(50)))
    assert len(set(asked)) == 1
    assert database.latest_generation() == asked[0]
    for turn, durable in enumerate((True, False)):
        database.write_now(make(f"r{turn}"), durable)
        after = await generation(database)
        assert after not in asked
        asked.append(after)


async def test_what_waits_when_it_is_closed_is_told(url: str) -> None:
    database = Database.open(url)
    await database.read(backend)
    waiting = asyncio.create_task(database.read(lambda s: s.sql("SELECT pg_sleep(5)")))
    await asyncio.sleep(0.05)
    await asyncio.get_running_loop().run_in_executor(None, database.close)  # as the application does
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await waiting
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await database.read(backend)
