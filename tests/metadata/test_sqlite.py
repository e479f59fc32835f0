"""What is only true of SQLite: its log, its locks, its errors."""

import asyncio
import contextlib
import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.metadata import events, repositories, schema, uploads
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError, DatabaseFull, DatabaseReadOnly, DatabaseUnavailable
from registry.metadata.session import Session
from registry.metadata.sqlite import Sqlite
from tests.metadata.test_group_commit import hold


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database with the newest tables."""
    made = f"sqlite:///{tmp_path}/entrepot.db"
    schema.upgrade(made)
    return made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An open database with the newest tables."""
    opened = Database.open(url)
    yield opened
    opened.close()


def test_a_commit_that_fails_fails_all_and_leaves_nothing(database: Database) -> None:
    def dangling(s: Session) -> None:  # found out by the commit, not by the statement
        s.sql("PRAGMA defer_foreign_keys = ON")
        s.sql("INSERT INTO repository_blobs (repository_id, blob_id, linked_at) VALUES (77, 77, 1)")

    async def push() -> list[object]:
        release, thread = hold(database)
        writes = [
            asyncio.create_task(database.write(lambda s: repositories.ensure(s, "one", 1))),
            asyncio.create_task(database.write(dangling)),
        ]
        await asyncio.sleep(0)
        release.set()
        thread.join()
        return list(await asyncio.gather(*writes, return_exceptions=True))

    assert [type(result) for result in asyncio.run(push())] == [sqlite3.IntegrityError] * 2
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == []
    database.write_now(lambda s: repositories.ensure(s, "after", 1))
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == ["after"]


class Syncs(NamedTuple):
    """The files synced so far, and what the next syncs are to fail with."""

    seen: list[int]
    failing: list[OSError]


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    """Every sync of the log is noted, and done."""
    real = os.fdatasync
    noted = Syncs([], [])

    def sync(descriptor: int) -> None:
        noted.seen.append(descriptor)
        if noted.failing:
            raise noted.failing.pop()
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", sync)
    return noted


def test_durability_is_asked_for_per_batch(database: Database, syncs: Syncs) -> None:
    def count(s: Session) -> None:
        events.append(s, "tag.moved", "r")

    for durable, expected in ((True, 1), (False, 1), (True, 2)):
        database.write_now(count, durable)
        assert len(syncs.seen) == expected

    async def mixed() -> None:
        release, thread = hold(database)
        writes = [asyncio.create_task(database.write(count, durable=durable)) for durable in (False, True, False)]
        await asyncio.sleep(0)
        release.set()
        thread.join()
        await asyncio.gather(*writes)

    before = len(syncs.seen)
    asyncio.run(mixed())
    assert len(syncs.seen) == before + 2  # of the write that held the others up, and one for all of those


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EIO, DatabaseUnavailable), (errno.ENOSPC, DatabaseFull), (errno.EROFS, DatabaseReadOnly)],
)
def test_a_log_that_was_not_synced_is_copied_before_anything_is_written(
    database: Database, syncs: Syncs, tmp_path: Path, number: int, kind: type[Exception]
) -> None:
    database.write_now(lambda s: repositories.ensure(s, "before", 1))
    syncs.failing.append(OSError(number, os.strerror(number)))
    with pytest.raises(kind, match="log"):
        database.write_now(lambda s: repositories.ensure(s, "refused", 1))

    def names(s: Session) -> list[str]:
        shutil.copy(tmp_path / "entrepot.db", tmp_path / "alone.db")  # its log is left behind
        return repositories.names(s, "", 9)

    assert database.write_now(names) == ["before", "refused"]
    with contextlib.closing(sqlite3.connect(tmp_path / "alone.db")) as alone:
        assert alone.execute("SELECT name FROM repositories ORDER BY name").fetchall() == [("before",), ("refused",)]


def test_a_lock_held_too_long_is_unavailable(url: str, tmp_path: Path) -> None:
    database = Database(Sqlite(url, busy_timeout=0.2), None)
    database.check()
    other = sqlite3.connect(tmp_path / "entrepot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        database.write_now(lambda s: repositories.ensure(s, "app", 1))
    database.read_now(lambda s: repositories.names(s, "", 9))
    other.execute("ROLLBACK")
    other.close()
    database.check()
    database.close()


def test_a_full_database_recovers_when_there_is_room(database: Database) -> None:
    def squeeze(s: Session) -> None:
        s.sql("PRAGMA max_page_count = 1")  # SQLite answers with the pages in use
        events.append(s, "tag.moved", "r" * 5000)

    with pytest.raises(DatabaseFull, match="full"):
        database.write_now(squeeze)
    database.write_now(lambda s: events.append(s, "tag.moved", "r" * 5000))
    database.check()


def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database" * 1000)
    database = Database.open(f"sqlite:///{tmp_path}/bad.db")
    for touch in (database.check, lambda: database.read_now(lambda s: repositories.names(s, "", 1))):
        with pytest.raises(DatabaseUnavailable):
            touch()
    database.close()


@pytest.mark.parametrize("code", [code for code in dir(sqlite3) if code.startswith("SQLITE_IOERR")])
def test_every_error_of_the_disk_is_ours(tmp_path: Path, code: str) -> None:
    backend = Sqlite(f"sqlite:///{tmp_path}/x.db")
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, code), code
    assert isinstance(backend.translate(error), DatabaseError)
    backend.close()


def test_the_log_is_copied_in_the_background(database: Database, tmp_path: Path) -> None:
    for n in range(1100):
        row = uploads.UploadRow(str(n), "app", "me", "sha256", 0, "x" * 500, 1, 1)
        database.write_now(lambda s, row=row: uploads.create(s, row), durable=False)  # type: ignore[misc]
    main, count = tmp_path / "entrepot.db", 0
    for _ in range(100):
        copy = tmp_path / "alone.db"  # without its log, the file holds what was copied into it
        shutil.copy(main, copy)
        alone = sqlite3.connect(copy)
        with contextlib.suppress(sqlite3.DatabaseError):  # copied in the middle of a checkpoint
            [(count,)] = alone.execute("SELECT count(*) FROM uploads").fetchall()
        alone.close()
        if count >= 500:
            break
        threading.Event().wait(0.05)
    assert count >= 500
