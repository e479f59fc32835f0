"""A SQLite file that another program keeps locked for readers too: who reads waits, and the event loop does not."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.metadata import blobs, database
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseLocked
from registry.metadata.schema import upgrade

pytestmark = pytest.mark.anyio

SLICE_SECONDS = 0.25
"""For which the loop may be held up: a wait for the lock would be ten seconds."""


@pytest.fixture
def locker(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "entrepot.db"
    upgrade(f"sqlite:///{path}")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("UPDATE probes SET at = at")
        yield connection


@pytest.fixture
def opened(tmp_path: Path, locker: sqlite3.Connection) -> Iterator[Database]:
    with contextlib.closing(Database.open(f"sqlite:///{tmp_path}/entrepot.db")) as made:
        yield made


async def test_a_read_waits_aside(opened: Database, locker: sqlite3.Connection) -> None:
    read = asyncio.create_task(opened.read(blobs.any_known))
    for _ in range(5):
        started = time.monotonic()
        await asyncio.sleep(0.02)
        assert time.monotonic() - started < SLICE_SECONDS
    assert not read.done()
    locker.close()
    assert await read is False


async def test_a_read_on_the_loop_is_refused_at_once(opened: Database) -> None:
    started = time.monotonic()
    with pytest.raises(DatabaseLocked):
        opened.read_now(blobs.any_known)
    assert time.monotonic() - started < SLICE_SECONDS


async def test_a_lock_that_stays_is_an_error(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCKED_SECONDS", 0.3)
    with pytest.raises(DatabaseLocked):
        await opened.read(blobs.any_known)
