"""What is only true of SQLite: its log, its locks, its errors."""

import asyncio
import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.metadata import events, repositories, schema, uploads
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError, DatabaseFull, DatabaseUnavailable
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


def test_durability_is_asked_for_per_batch(database: Database) -> None:
    def level(s: Session) -> int:
        return int(s.sql("PRAGMA synchronous")[0][0])

    assert [database.write_now(level, durable) for durable in (True, False, True)] == [2, 1, 2]

    async def mixed() -> list[int]:
        release, thread = hold(database)
        writes = [asyncio.create_task(database.write(level, durable=durable)) for durable in (False, True, False)]
        await asyncio.sleep(0)
        release.set()
        thread.join()
        return await asyncio.gather(*writes)

    assert asyncio.run(mixed()) == [2, 2, 2]


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
