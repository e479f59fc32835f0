"""Group commit: what shares a commit, what a failure takes with it, and what a process that dies leaves behind."""

import asyncio
import signal
import subprocess
import sys
import threading

import pytest
from sqlalchemy import bindparam, insert

from registry.metadata import events, models, repositories
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseReadOnly, DatabaseUnavailable
from registry.metadata.session import Session
from registry.metadata.statement import Statement

INSERT = Statement(insert(models.repositories).values(name=bindparam("name"), created_at=bindparam("at")))


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
    assert isinstance(results[0], int)
    assert isinstance(results[2], int)
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == ["one", "two"]


@pytest.mark.parametrize("company", [True, False])
def test_a_change_that_fails_later_fails_the_write_it_is_of(database: Database, company: bool) -> None:
    def twice(s: Session) -> None:
        for _ in range(2):
            s.defer(INSERT, name="same", at=1)

    async def push() -> list[object]:
        release, thread = hold(database)
        steps = [lambda s: repositories.ensure(s, "one", 1), twice, lambda s: repositories.ensure(s, "two", 1)]
        writes = [asyncio.create_task(database.write(step)) for step in (steps if company else [twice])]
        await asyncio.sleep(0)
        release.set()
        thread.join()
        return list(await asyncio.gather(*writes, return_exceptions=True))

    results = asyncio.run(push())
    failed = [result for result in results if type(result).__name__ in ("IntegrityError", "UniqueViolation")]
    assert len(failed) == 1
    assert results.index(failed[0]) == (1 if company else 0)
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == (["one", "two"] if company else [])
    database.check()


def test_a_refusal_undoes_what_was_to_come_later(database: Database) -> None:
    def refuses(s: Session) -> None:
        s.defer(INSERT, name="half", at=1)
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        database.write_now(refuses)
    assert database.write_now(lambda s: repositories.names(s, "", 9)) == []


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


def test_a_generation_lasts_until_the_next_commit_by_anybody(url: str) -> None:
    mine, other = Database.open(url), Database.open(url)
    try:
        assert mine.generation() is None  # nothing was read yet
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


def test_the_writer_outlives_what_follows_a_commit(url: str) -> None:
    def fails() -> None:
        raise OSError("a hook that fails")

    database = Database.open(url)
    try:
        database.after_commit(fails)
        first = database.write_now(lambda s: repositories.ensure(s, "first", 1))
        assert database.write_now(lambda s: repositories.ensure(s, "second", 1)) != first
    finally:
        database.close()


def test_the_writer_outlives_a_defect_of_its_own(url: str) -> None:
    def translate(error: BaseException) -> None:
        raise TypeError("a defect")

    database = Database.open(url)
    backend = database._backend
    known = backend.translate
    try:
        backend.translate = translate  # type: ignore[method-assign]
        with pytest.raises(TypeError, match="a defect"):
            database.write_now(lambda s: s.sql("SELECT no_such_column FROM repositories"))
        backend.translate = known  # type: ignore[method-assign]
        assert database.write_now(lambda s: repositories.ensure(s, "after", 1))
    finally:
        database.close()
