"""What the index does when its server is away, full, locked, a standby, or gone in the middle of a transaction."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from registry.metadata import events, repositories
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError, DatabaseReadOnly, DatabaseUnavailable
from registry.metadata.postgres.backend import LOCK_SQL, Postgres
from registry.metadata.session import Session
from tests.postgres.once import written_once
from tests.postgres.server import Cluster, shared

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND application_name = 'entrepot'"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that tests of this module restart."""
    made = Cluster({"max_connections": "20"})
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    opened = Database.open(cluster.new_database())
    yield opened
    opened.close()


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def names(database: Database) -> list[str]:
    return database.read_now(lambda s: repositories.names(s, "", 99))


def make(name: str) -> Callable[[Session], int]:
    return lambda s: repositories.ensure(s, name, 1)


def test_a_restart_is_a_pause(cluster: Cluster, database: Database) -> None:
    for how in (signal.SIGINT, signal.SIGQUIT):
        database.write_now(make("before"))
        names(database)
        cluster.stop(how)
        back = threading.Timer(0.5, cluster.start)
        back.start()
        database.write_now(make(f"during {how.name}"))
        back.join()
        assert f"during {how.name}" in names(database)


def test_cut_connections_are_not_noticed(cluster: Cluster) -> None:
    url = cluster.new_database()
    database = Database.open(url)
    for turn in range(3):
        database.write_now(make(f"r{turn}"))
        assert len(names(database)) == turn + 1
        cluster.execute(CUT.format(name_of(url)))
    database.check()
    database.close()


def test_a_write_whose_connection_is_lost_is_run_again_as_nothing_of_it_was_done(cluster: Cluster) -> None:
    url, runs = cluster.new_database(), 0

    def cut_off(s: Session) -> None:
        nonlocal runs
        runs += 1
        events.append(s, "tag.moved", f"run {runs}")
        if runs < 3:
            cluster.execute(CUT.format(name_of(url)))
        repositories.ensure(s, "app", 1)

    database = Database.open(url)
    database.write_now(cut_off)
    assert [row.repository for row in database.read_now(lambda s: events.after(s, 0, 9))] == ["run 3"]
    database.close()


def test_nothing_that_was_committed_is_run_again(cluster: Cluster) -> None:
    """Cut at any moment, the commit's own among them: what was done is not done twice, what was said is so."""
    url = cluster.new_database()
    database = Database.open(url)

    def cut() -> None:
        cluster.execute(CUT.format(name_of(url)))

    assert written_once(database, cut, writers=4, seconds=4, pauses=(0.01, 0.06)) > 100
    database.close()


def test_nobody_is_told_what_a_commit_that_was_cut_off_came_to(cluster: Cluster) -> None:
    """A commit that takes long, and is cut off in the middle: it may be there or not, so it is not run again."""
    url, runs = cluster.new_database(), 0
    cluster.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(9); RETURN NULL; END';"
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON repositories DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION slow()",
        name_of(url),
    )

    def count(s: Session) -> None:
        nonlocal runs
        runs += 1
        repositories.ensure(s, "app", 1)

    database = Database.open(url)
    cut = threading.Timer(0.5, cluster.execute, [CUT.format(name_of(url))])
    cut.start()
    with pytest.raises(DatabaseUnavailable):
        database.write_now(count)
    cut.join()
    assert runs == 1
    assert names(database) == []
    database.close()


def test_a_commit_that_fails_fails_all_and_leaves_nothing(cluster: Cluster) -> None:
    url = cluster.new_database()
    cluster.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE check_violation; END';"
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON repositories DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW WHEN (NEW.name = 'bad') EXECUTE FUNCTION refuse()",
        name_of(url),
    )
    database = Database.open(url)
    with pytest.raises(psycopg.errors.CheckViolation):
        database.write_now(make("bad"))
    database.write_now(make("good"))
    assert names(database) == ["good"]
    database.close()


def test_a_server_that_stays_away_is_unavailable_at_once_for_reads_and_soon_for_writes(cluster: Cluster) -> None:
    database = Database(Postgres(cluster.new_database(), readers=2, retry_seconds=0.5), None)
    names(database)
    cluster.stop()
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        names(database)
    assert time.monotonic() - started < 0.5
    with pytest.raises(DatabaseUnavailable):
        database.write_now(make("app"))
    assert time.monotonic() - started < 2
    with pytest.raises(DatabaseUnavailable):
        database.check()
    cluster.start()
    database.check()
    database.close()


def test_too_many_connections_are_unavailable(cluster: Cluster) -> None:
    url = cluster.new_database()
    database = Database(Postgres(url.replace("postgres@", "app@"), readers=2, retry_seconds=0.2), None)
    cluster.execute("CREATE ROLE app LOGIN CONNECTION LIMIT 0")
    cluster.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO app; GRANT ALL ON SCHEMA public TO app", name_of(url))
    for touch in (lambda: names(database), lambda: database.write_now(make("app"))):
        with pytest.raises(DatabaseUnavailable, match="too many connections"):
            touch()
    cluster.execute("ALTER ROLE app CONNECTION LIMIT 3")
    cluster.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app", name_of(url))
    database.check()
    database.close()


def test_no_more_connections_than_it_was_given(cluster: Cluster) -> None:
    url = cluster.new_database()
    database = Database.open(url, readers=12)
    inside, most, gate = 0, 0, threading.Lock()

    def slow(s: Session) -> None:
        nonlocal inside, most
        with gate:
            inside += 1
            most = max(most, inside)
        s.sql("SELECT pg_sleep(0.05)")
        with gate:
            inside -= 1

    threads = [threading.Thread(target=database.read_now, args=(slow,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3
    database.close()


def test_another_who_holds_the_lock_makes_it_unavailable(cluster: Cluster) -> None:
    url = cluster.new_database()
    impatient = f"{url}?options=-c%20log_min_messages%3Dwarning"
    backend = Postgres(impatient, readers=1, settings={"lock_timeout": "200ms"})
    database = Database(backend, None)
    database.check()
    with psycopg.connect(url) as other:
        other.execute(LOCK_SQL)
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            database.write_now(make("app"))
        assert names(database) == []
    database.write_now(make("app"))
    database.close()


def test_a_writer_that_is_stopped_in_the_middle_does_not_stop_the_others(cluster: Cluster) -> None:
    url = cluster.new_database()
    stopped = Database(Postgres(url, readers=1, settings={"idle_in_transaction_session_timeout": "300ms"}), None)
    other = Database.open(url)
    started, go_on = threading.Event(), threading.Event()

    def stop(s: Session) -> None:
        repositories.ensure(s, "stopped", 1)
        started.set()
        go_on.wait(10)
        repositories.ensure(s, "went on", 1)

    thread = threading.Thread(target=stopped.write_now, args=(stop,))
    thread.start()
    started.wait(10)
    other.write_now(make("other"))
    go_on.set()
    thread.join()
    assert names(other) == ["other", "stopped", "went on"]  # run again, and whole
    stopped.close()
    other.close()


def test_a_statement_that_takes_too_long_is_unavailable(cluster: Cluster) -> None:
    database = Database(Postgres(cluster.new_database(), readers=1, settings={"statement_timeout": "100ms"}), None)
    for run in (database.read_now, database.write_now):
        with pytest.raises(DatabaseUnavailable, match="statement timeout"):
            run(lambda s: s.sql("SELECT pg_sleep(5)"))
    database.check()
    database.close()


def test_a_frozen_server_is_unavailable(cluster: Cluster) -> None:
    database = Database(Postgres(cluster.new_database(), readers=1, retry_seconds=0.1, answer_within=0.5), None)
    database.check()
    pids = [pid for (pid,) in cluster.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # of a test before, and gone by now
            os.kill(int(str(pid)), signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnavailable, match="no answer"):
            database.write_now(make("app"))
    finally:
        for pid in pids:
            try:
                os.kill(int(str(pid)), signal.SIGCONT)
            except ProcessLookupError:
                continue
    database.check()
    database.close()


def test_a_database_made_read_only_serves_reads_and_is_written_again_when_it_may_be(cluster: Cluster) -> None:
    url = cluster.new_database()
    database = Database(Postgres(url, readers=1, retry_seconds=0.2), None)
    database.write_now(make("before"))
    cluster.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
    cluster.execute(CUT.format(name_of(url)))
    with pytest.raises(DatabaseReadOnly):
        database.write_now(make("app"))
    assert names(database) == ["before"]
    cluster.execute(f"ALTER DATABASE {name_of(url)} RESET default_transaction_read_only")
    database.write_now(make("after"))
    database.close()


def test_a_standby_is_not_taken_for_the_primary_until_it_is_one() -> None:
    primary = shared()
    url = primary.new_database()
    standby = Cluster(copy_of=primary)
    try:
        standby.start()
        both = url.replace(f":{primary.port}/", f":{standby.port},127.0.0.1:{primary.port}/")
        only = standby.url(name_of(url))
        for_both, for_one = (Database(Postgres(wanted, readers=1, retry_seconds=0.2), None) for wanted in (both, only))
        for_both.write_now(make("on the primary"))
        for touch in (lambda: names(for_one), lambda: for_one.write_now(make("app"))):
            with pytest.raises(DatabaseError):
                touch()
        [(written,)] = primary.execute("SELECT pg_current_wal_lsn()")
        _await_true(standby, f"SELECT pg_last_wal_replay_lsn() >= '{written}'")
        standby.execute("SELECT pg_promote()")
        for_one.check()
        assert names(for_one) == ["on the primary"]
        for opened in (for_both, for_one):
            opened.close()
    finally:
        standby.remove()


def _await_true(cluster: Cluster, question: str) -> None:
    until = time.monotonic() + 30
    while cluster.execute(question) != [(True,)]:
        assert time.monotonic() < until, question
        time.sleep(0.05)


def test_a_wrong_password_or_name_is_unavailable_and_not_told(cluster: Cluster) -> None:
    wrong = cluster.url("nowhere").replace("postgres@", "postgres:geheim@")
    database = Database(Postgres(wrong, readers=1, retry_seconds=0.1), None)
    with pytest.raises(DatabaseUnavailable, match="nowhere") as caught:
        names(database)
    assert "geheim" not in str(caught.value)
    with pytest.raises(ValueError, match="cannot be read") as refused:
        Database.open("postgresql://me:geheim@host:port:port/name?nonsense=1")
    assert "geheim" not in str(refused.value)
    database.close()
