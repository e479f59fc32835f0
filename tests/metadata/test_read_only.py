"""While the read-only window is open nothing is written by anybody, and it ends by itself when nobody says so again."""

import asyncio

import pytest

from registry.metadata import events, read_only
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError, InReadOnlyWindow
from registry.metadata.session import Session

LONG = 600_000
"""Milliseconds; no test takes so long."""


def push(s: Session) -> int:
    """Some change."""
    events.append(s, "blob.pushed", "app")
    return events.last_id(s)


def open_window(database: Database, milliseconds: int) -> None:
    database.write_now(lambda s: read_only.open_until(s, now_ms() + milliseconds), always=True)


def test_changes_are_refused_in_every_process_until_the_window_closes(database: Database, url: str) -> None:
    other = Database.open(url)
    try:
        first = database.write_now(push)
        open_window(other, LONG)
        with pytest.raises(InReadOnlyWindow, match="takes no changes for now"):
            database.write_now(push)
        assert [event.id for event in database.read_now(lambda s: events.after(s, 0, 9))] == [first]
        database.check()
        assert other.write_now(read_only.close, always=True)
        assert not other.write_now(read_only.close, always=True)
        assert database.write_now(push) > first
    finally:
        other.close()


def test_a_change_that_waits_for_no_answer_is_refused_as_well(database: Database) -> None:
    database.write_now(push)
    open_window(database, LONG)
    for _ in range(2):
        with pytest.raises(InReadOnlyWindow):
            database.write_now(lambda s: events.append(s, "blob.pushed", "blindly"))
    assert database.write_now(read_only.close, always=True)
    database.write_now(lambda s: events.append(s, "blob.pushed", "again"))
    assert [event.repository for event in database.read_now(lambda s: events.after(s, 0, 9))] == ["app", "again"]


def test_it_lapses(database: Database) -> None:
    open_window(database, LONG)
    open_window(database, -1)
    assert database.write_now(push)


def test_of_a_batch_only_what_may_always_be_written_is(database: Database) -> None:
    open_window(database, LONG)

    async def together() -> list[int | BaseException]:
        loop = asyncio.get_running_loop()
        writes = [database.write(push) for _ in range(9)]
        always = loop.run_in_executor(None, lambda: database.write_now(push, always=True))
        return await asyncio.gather(*writes, always, return_exceptions=True)

    *refused, allowed = asyncio.run(together())
    assert [type(error) for error in refused] == [InReadOnlyWindow] * 9
    assert isinstance(refused[0], DatabaseError)
    assert [event.id for event in database.read_now(lambda s: events.after(s, 0, 99))] == [allowed]
