"""The index by way of PgBouncer, in session mode and in transaction mode."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from registry.metadata import repositories, schema
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseUnavailable
from registry.metadata.postgres.backend import SETTINGS, Postgres
from registry.metadata.session import Session
from tests.postgres.once import written_once
from tests.postgres.pooler import Pooler, pooler
from tests.postgres.server import shared

SIZE = 4
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@pytest.fixture(scope="module", params=["session", "transaction"])
def between(request: pytest.FixtureRequest) -> Iterator[Pooler]:
    size = {"session": 20, "transaction": SIZE}[request.param]
    with pooler(shared(), request.param, size) as made:
        yield made


@pytest.fixture(scope="module")
def by_transaction() -> Iterator[Pooler]:
    with pooler(shared(), "transaction", SIZE) as made:
        yield made


def make(name: str) -> Callable[[Session], int]:
    return lambda s: repositories.ensure(s, name, 1)


def names(database: Database) -> list[str]:
    return database.read_now(lambda s: repositories.names(s, "", 999))


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def processes(url: str) -> int:
    """Those of the server that serve the database."""
    [(count,)] = shared().execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name_of(url)}'")
    return int(str(count))


def replicas(url: str, count: int) -> list[Database]:
    return [Database.open(url) for _ in range(count)]


def test_the_tables_are_made_through_it(between: Pooler) -> None:
    url = between.through(shared().empty_database())
    schema.upgrade(url)
    assert schema.current(url) == schema.HEAD


def test_replicas_that_read_and_write_at_once(between: Pooler) -> None:
    direct = shared().new_database()
    opened = replicas(between.through(direct), 3)

    def work(number: int) -> None:
        database = opened[number % len(opened)]
        for turn in range(15):
            database.write_now(make(f"{number}/{turn}"))
            assert f"{number}/{turn}" in names(opened[(number + 1) % len(opened)])  # at once on another

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(opened[0])) == 90
    for database in opened:
        database.check()
        database.close()


@pytest.mark.anyio
async def test_reads_of_a_loop_and_what_was_committed(between: Pooler) -> None:
    import asyncio

    database = Database.open(between.through(shared().new_database()))
    ids = [database.write_now(make(f"r{n}")) for n in range(20)]
    found = await asyncio.gather(*(database.read(lambda s, n=n: repositories.find(s, f"r{n}")) for n in range(20)))  # type: ignore[misc]
    assert found == ids

    async def generation() -> object:
        heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        database.generation_soon(heard.set_result)
        return await heard

    before = await generation()
    assert await generation() == before
    database.write_now(make("one more"))
    assert await generation() != before
    database.close()


def test_many_share_few_and_find_nothing_of_each_other(by_transaction: Pooler) -> None:
    """More connections than there are processes; what they have set or prepared would be found by the next one."""
    direct = shared().new_database()
    url = by_transaction.through(direct)
    opened = replicas(url, 3 * SIZE)
    for turn, database in enumerate(opened):
        database.write_now(make(f"r{turn}"), durable=turn % 2 == 0)
        assert len(names(database)) == turn + 1
    assert processes(direct) <= SIZE
    with psycopg.connect(url, autocommit=True) as other:
        for name in ("default_transaction_read_only", *SETTINGS, "synchronous_commit"):
            [there, reset] = other.execute(
                "SELECT setting, reset_val FROM pg_settings WHERE name = %s", (name,), prepare=False
            ).fetchone() or (0, 1)
            assert there == reset, name
        assert other.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False).fetchone() == (0,)
    for database in opened:
        database.close()


def test_a_write_is_held_to_its_time_all_the_same(by_transaction: Pooler) -> None:
    url = by_transaction.through(shared().new_database())
    database = Database(Postgres(url, readers=1, settings={"statement_timeout": "100ms"}), None)
    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        database.write_now(lambda s: s.sql("SELECT pg_sleep(5)"))
    database.check()
    database.close()


def test_nothing_that_was_committed_is_run_again(between: Pooler) -> None:
    """The server's processes are cut off behind the pooler at any moment, as a restart or failover does."""
    direct = shared().new_database()
    database = Database.open(between.through(direct))

    def cut() -> None:
        shared().execute(CUT.format(name_of(direct)))

    assert written_once(database, cut, writers=3, seconds=1.5, pauses=(0.02, 0.08)) > 20
    database.close()
