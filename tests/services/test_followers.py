"""Followers of events: what each may rely on, on every kind of database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry.metadata import events, schema
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.metadata.events import EventRow
from registry.services import followers, pruning
from registry.services.followers import Following, lags
from registry.services.pruning import Pruning
from tests.metadata.conftest import KINDS

pytestmark = pytest.mark.anyio

DAY = 86_400_000


class Broken(Exception):
    """What the follower fails with."""


class Notebook:
    """A follower that writes down the tags it was told of, and fails when it is to."""

    name = "notebook"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.rebuilt = 0
        self.fails = False

    def rebuild(self) -> Iterator[None]:
        for _ in range(2):
            yield
        self.rebuilt += 1

    def apply(self, batch: Sequence[EventRow]) -> None:
        self.batches.append([event.tag for event in batch])
        if self.fails:
            raise Broken

    @property
    def told(self) -> list[str]:
        return [tag for batch in self.batches for tag in batch]


@pytest.fixture(params=sorted(KINDS))
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = KINDS[request.param](tmp_path)
    schema.upgrade(url)
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def happen(database: Database, *tags: str, at: int | None = None) -> None:
    """Each in a transaction of its own."""
    for tag in tags:
        database.write_now(lambda s, tag=tag: events.append(s, "tag.moved", "app", tag=tag, at=at), durable=False)  # type: ignore[misc]


def pruning_of(database: Database, seconds: float) -> Pruning:
    return Pruning(database, ["notebook"], events_seconds=seconds, deleted_seconds=seconds)


def left(database: Database) -> list[str]:
    return [event.tag for event in database.read_now(lambda s: events.after(s, 0, 999))]


async def finish(following: Following) -> None:
    while following.step():
        pass


async def test_a_new_follower_rebuilds_and_goes_on_from_there(database: Database, pool: ThreadPoolExecutor) -> None:
    notebook = Notebook()
    following = Following(database, notebook, pool)
    happen(database, "before")
    assert await following.is_behind()
    assert following.step()  # the first step of the rebuild
    happen(database, "meanwhile")
    await finish(following)
    assert (notebook.rebuilt, notebook.told) == (1, ["meanwhile"])
    happen(database, "after")
    await finish(following)
    assert (notebook.rebuilt, notebook.told) == (1, ["meanwhile", "after"])
    assert not await following.is_behind()


async def test_a_rebuild_that_was_cut_short_begins_again(database: Database, pool: ThreadPoolExecutor) -> None:
    notebook = Notebook()
    assert Following(database, notebook, pool).step()
    assert database.read_now(lambda s: events.cursor(s, "notebook")) is None
    await finish(Following(database, notebook, pool))
    assert notebook.rebuilt == 1


async def test_batches_in_order_and_again_after_a_failure(
    database: Database, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "BATCH", 2)
    notebook = Notebook()
    following = Following(database, notebook, pool)
    await finish(following)
    happen(database, "1", "2", "3", "4", "5")
    assert following.step()
    notebook.fails = True
    with pytest.raises(Broken):
        following.step()
    assert [lag[:2] for lag in lags(database, ["notebook"])] == [("notebook", 3)]
    notebook.fails = False
    await finish(Following(database, notebook, pool))  # another worker, after the first was killed
    assert notebook.batches == [["1", "2"], ["3", "4"], ["3", "4"], ["5"]]


async def test_a_leader_that_lost_its_lease_does_not_turn_the_cursor_back(
    database: Database, pool: ThreadPoolExecutor
) -> None:
    await finish(Following(database, Notebook(), pool))
    happen(database, "1", "2")

    class Slow(Notebook):
        def apply(self, batch: Sequence[EventRow]) -> None:
            super().apply(batch)
            happen(database, "3")
            other = Following(database, Notebook(), pool)
            while other.step():
                pass

    slow = Slow()
    Following(database, slow, pool).step()
    assert slow.told == ["1", "2"]
    last = database.read_now(events.last_id)
    assert database.read_now(lambda s: events.cursor(s, "notebook")) == last


async def test_lag_is_events_and_the_age_of_the_first(database: Database, pool: ThreadPoolExecutor) -> None:
    await finish(Following(database, Notebook(), pool))
    assert lags(database, ["notebook"]) == [("notebook", 0, 0.0)]
    happen(database, "old", at=now_ms() - 60_000)
    happen(database, "new")
    [lag] = lags(database, ["notebook"])
    assert lag.events == 2
    assert 60 <= lag.seconds < 120


async def test_a_run_deals_with_all_there_is(
    database: Database, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "BATCH", 10)
    notebook = Notebook()
    following = Following(database, notebook, pool)
    await finish(following)
    tags = [str(number) for number in range(45)]
    happen(database, *tags)
    await following.run()
    assert notebook.told == tags
    assert not await following.is_behind()


async def test_late_events_are_not_left_to_wait_for_a_quiet_moment(
    database: Database, pool: ThreadPoolExecutor
) -> None:
    """Pushes without end: the registry is never quiet."""
    following = Following(database, Notebook(), pool)
    await finish(following)
    happen(database, "late", at=now_ms() - followers.LATE_MS - 1000)
    happen(database, "now")
    assert await following._is_quiet() is False
    assert await following._is_late()


async def test_events_go_when_every_follower_has_passed_them_and_they_are_old(
    database: Database, pool: ThreadPoolExecutor
) -> None:
    keeper = pruning_of(database, 7 * DAY / 1000)
    following = Following(database, Notebook(), pool)
    happen(database, "old", "older", at=now_ms() - 8 * DAY)
    assert not await keeper.is_due()  # the follower has not begun
    await keeper.run()
    assert left(database) == ["old", "older"]
    await finish(following)
    database.write_now(lambda s: events.advance_cursor(s, "webhooks", 1))
    happen(database, "young")
    assert await keeper.is_due()
    await keeper.run()
    assert left(database) == ["older", "young"]  # webhooks, of a newer version say, is behind
    database.write_now(lambda s: events.advance_cursor(s, "webhooks", 999))
    await keeper.run()
    assert left(database) == ["young"]
    assert not await keeper.is_due()
    happen(database, "next")
    assert database.read_now(events.last_id) == 4  # an id is never used again


async def test_many_are_pruned_in_steps(
    database: Database, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS", 3)
    happen(database, *map(str, range(10)), at=1)
    await finish(Following(database, Notebook(), pool))
    await pruning_of(database, 60).run()
    assert left(database) == []
