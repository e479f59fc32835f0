"""Group commit: what shares a commit, what a failure takes with it, and what a process that dies leaves behind."""

import asyncio
import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from registry.metadata import events, repositories, uploads
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError, DatabaseFull, DatabaseReadOnly, DatabaseUnavailable
from registry.metadata.session import Session
from registry.metadata.sqlite import Sqlite


class Commits:
    """Counts the batches that the writer says it has committed."""

    def __init__(self) -> None:
        self.batches = 0

    def __call__(self, kind: str, seconds: float) -> None:
        assert seconds >= 0
        self.batches += kind == "write"


def hold(database: Database) -> tuple[threading.Event, threading.Thread]:
    """Keep the writer busy with one write until the event is set, so that what follows is one batch."""
    release, running = threading.Event(), threading.Event()

    def wait(s: Session) -> None:
        running.set()
        release.wait()

    thread = threading.Thread(target=database.write_now, args=(wait,))
    thread.start()
    running.wait()
    return release, thread


def test_waiting_writes_share_one_commit(url: str) -> None:
    commits = Commits()
    database = Database.open(url, observe=commits)

    async def push() -> list[int]:
        release, thread = hold(database)
        writes = [
            asyncio.create_task(database.write(lambda s, n=n: repositories.ensure(s, f"r{n}", 1)))  # type: ignore[misc]
            for n in range(50)
        ]
        await asyncio.sleep(0)
        release.set()
        thread.join()
        return await asyncio.gather(*writes)

    assert len(set(asyncio.run(push()))) == 50
    assert commits.batches == 2
    assert len(database.read_now(lambda s: repositories.names(s, "", 99))) == 50
    database.close()


def test_a_failing_write_is_undone_alone(database: Database) -> None:
    def fails(s: Session) -> None:
        repositories.ensure(s, "half", 1)
        raise LookupError("no such thing")

    async def push() -> list[int | BaseException | None]:
        release, thread = hold(database)
        steps = [lambda s: repositories.ensure(s, "one", 1), fails, lambda s: repositories.ensure(s, "two", 1)]
        writes = [asyncio.create_task(database.write(step)) for step in steps]
        await asyncio.sleep(0)
        release.set()
        thread.join()
        return list(await asyncio.gather(*writes, return_exceptions=True))

    results = asyncio.run(push())
    assert isinstance(results[1], LookupError)
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == ["one", "two"]


def test_a_commit_that_fails_fails_all_and_leaves_nothing(database: Database) -> None:
    database.write_now(lambda s: s.cursor.execute("PRAGMA defer_foreign_keys = ON"))

    def dangling(s: Session) -> None:  # found out by the commit, not by the statement
        s.cursor.execute("PRAGMA defer_foreign_keys = ON")
        s.cursor.execute("INSERT INTO repository_blobs (repository_id, blob_id, linked_at) VALUES (77, 77, 1)")

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


def test_a_cancelled_caller_does_not_undo_its_write(database: Database) -> None:
    async def push() -> None:
        release, thread = hold(database)
        write = asyncio.create_task(database.write(lambda s: repositories.ensure(s, "kept", 1)))
        await asyncio.sleep(0)
        write.cancel()
        release.set()
        thread.join()
        await database.write(lambda s: None)
        assert write.cancelled()

    asyncio.run(push())
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == ["kept"]


def test_durability_is_asked_for_per_batch(database: Database) -> None:
    def level(s: Session) -> int:
        s.cursor.execute("PRAGMA synchronous")
        return int(s.cursor.fetchall()[0][0])

    assert [database.write_now(level, durable) for durable in (True, False, True)] == [2, 1, 2]

    async def mixed() -> list[int]:
        release, thread = hold(database)
        writes = [asyncio.create_task(database.write(level, durable=durable)) for durable in (False, True, False)]
        await asyncio.sleep(0)
        release.set()
        thread.join()
        return await asyncio.gather(*writes)

    assert asyncio.run(mixed()) == [2, 2, 2]


def test_a_reader_refuses_to_write(database: Database) -> None:
    with pytest.raises(DatabaseReadOnly):
        database.read_now(lambda s: repositories.ensure(s, "app", 1))


def test_reads_and_writes_from_many_threads(database: Database) -> None:
    def work(n: int) -> None:
        for turn in range(20):
            tag = str(turn)
            database.write_now(lambda s, tag=tag: events.append(s, "tag.moved", f"r{n}", tag=tag), durable=False)  # type: ignore[misc]
            database.read_now(lambda s: events.after(s, 0, 10))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = database.read_now(lambda s: events.after(s, 0, 999))
    assert len(rows) == 160
    assert [row.tag for row in rows if row.repository == "r3"] == [str(turn) for turn in range(20)]


def test_a_closed_database_says_so(url: str) -> None:
    database = Database.open(url)
    database.check()
    database.close()
    database.close()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        database.write_now(lambda s: None)
    with pytest.raises(DatabaseUnavailable, match="closed"):
        database.read_now(lambda s: None)


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
        s.cursor.execute("PRAGMA max_page_count = 1")  # SQLite answers with the pages in use
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


@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_be_used_is_refused_with_what_can(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite"):
        Database.open(url)


WRITER = """
import sys
from registry.metadata import events
from registry.metadata.database import Database
database = Database.open(sys.argv[1])
for n in range(int(sys.argv[3])):
    database.write_now(lambda s: events.append(s, "tag.moved", sys.argv[2], tag=str(n)), durable=n % 2 == 0)
    print(n, flush=True)
database.close()
"""


def writing(url: str, name: str, count: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", WRITER, url, name, str(count)], stdout=subprocess.PIPE)


def test_several_processes_write_at_once(url: str, database: Database) -> None:
    writers = [writing(url, f"p{n}", 100) for n in range(3)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    rows = database.read_now(lambda s: events.after(s, 0, 999))
    for n in range(3):
        assert [row.tag for row in rows if row.repository == f"p{n}"] == [str(turn) for turn in range(100)]


def test_a_killed_process_loses_nothing_it_was_told_and_blocks_nobody(url: str, database: Database) -> None:
    for turn in range(5):
        writer = writing(url, f"p{turn}", 1_000_000)
        assert writer.stdout is not None
        for _ in range(20 + 7 * turn):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = 20 + 7 * turn + len(writer.stdout.read().splitlines())
        writer.wait()
        writer.stdout.close()
        database.check()
        rows = [row for row in database.read_now(lambda s: events.after(s, 0, 9999)) if row.repository == f"p{turn}"]
        assert len(rows) - acknowledged in (0, 1)


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


def test_a_generation_lasts_until_the_next_commit_by_anybody(url: str) -> None:
    mine, other = Database.open(url), Database.open(url)
    try:
        assert mine.generation() is None or not mine.inline_reads  # nothing was read yet
        mine.check()
        seen = [mine.generation()]
        if seen == [None]:  # this kind of database cannot tell
            return
        assert mine.generation() == seen[0]
        for database, durable in ((mine, True), (mine, False), (other, True), (other, False)):
            database.write_now(lambda s: repositories.ensure(s, f"app/{len(seen)}", 1), durable=durable)
            seen.append(mine.generation())
        assert len(set(seen)) == len(seen)
    finally:
        mine.close()
        other.close()
