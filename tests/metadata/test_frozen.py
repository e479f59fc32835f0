"""While the database is frozen nothing is written by anybody, and it ends by itself when nobody says so again."""

import asyncio

import pytest

from registry.metadata import events, frozen
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError, Frozen
from registry.metadata.session import Session

LONG = 600_000
"""Milliseconds; no test takes so long."""


def push(s: Session) -> int:
    """Some change."""
    events.append(s, "blob.pushed", "app")
    return events.last_id(s)


def freeze(database: Database, milliseconds: int) -> None:
    database.write_now(lambda s: frozen.freeze(s, now_ms() + milliseconds), always=True)


def test_changes_are_refused_in_every_process_until_it_thaws(database: Database, url: str) -> None:
    other = Database.open(url)
    try:
        first = database.write_now(push)
        freeze(other, LONG)
        with pytest.raises(Frozen, match="takes no changes for now"):
            database.write_now(push)
        assert [event.id for event in database.read_now(lambda s: events.after(s, 0, 9))] == [first]
        database.check()
        assert other.write_now(frozen.thaw, always=True)
        assert not other.write_now(frozen.thaw, always=True)
        assert database.write_now(push) > first
    finally:
        other.close()


def test_a_change_that_waits_for_no_answer_is_refused_as_well(database: Database) -> None:
    database.write_now(push)
    freeze(database, LONG)
    for _ in range(2):
        with pytest.raises(Frozen):
            database.write_now(lambda s: events.append(s, "blob.pushed", "blindly"))
    assert database.write_now(frozen.thaw, always=True)
    database.write_now(lambda s: events.append(s, "blob.pushed", "again"))
    assert [event.repository for event in database.read_now(lambda s: events.after(s, 0, 9))] == ["app", "again"]


def test_it_lapses(database: Database) -> None:
    freeze(database, LONG)
    freeze(database, -1)
    assert database.write_now(push)


def test_of_a_batch_only_what_may_always_be_written_is(database: Database) -> None:
    freeze(database, LONG)

    async def together() -> list[int | BaseException]:
        loop = asyncio.get_running_loop()
        writes = [database.write(push) for _ in range(9)]
        always = loop.run_in_executor(None, lambda: database.write_now(push, always=True))
        return await asyncio.gather(*writes, always, return_exceptions=True)

    *refused, allowed = asyncio.run(together())
    assert [type(error) for error in refused] == [Frozen] * 9
    assert isinstance(refused[0], DatabaseError)
    assert [event.id for event in database.read_now(lambda s: events.after(s, 0, 99))] == [allowed]
