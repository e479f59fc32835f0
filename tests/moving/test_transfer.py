"""An index copied into another of either kind is the same, in one step or not at all, and goes on under new ids."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.metadata import blobs, events, repositories, schema, table_rows
from registry.metadata.database import Database
from registry.metadata.session import Session
from registry.moving import transfer
from registry.moving.transfer import Refused
from tests.databases import rows
from tests.postgres.server import shared

MANY = table_rows.PAGE + 7
"""Rows of more than one page."""


@pytest.fixture(params=["postgresql", "sqlite"])
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = shared().empty_database() if request.param == "postgresql" else f"sqlite:///{tmp_path}/other.db"
    schema.upgrade(found)
    return found


@pytest.fixture
def other(other_url: str) -> Iterator[Database]:
    opened = Database.open(other_url)
    yield opened
    opened.close()


def fill(s: Session) -> None:
    for number in range(MANY):
        blobs.publish(s, f"sha256:{number:064}", number, 1, "docker/registry/v2/placed/aa/" + "a" * 32)
        repository = repositories.ensure(s, f"app/{number % 7}", 1)
        blobs.link(s, repository, f"sha256:{number:064}", 1)
        events.append(s, "blob.pushed", f"app/{number % 7}", tag="täg\N{GRINNING FACE}", at=number)
    blobs.quarantine(s, f"sha256:{0:064}", "damaged", 2)
    events.advance_cursor(s, "layout", 5)
    events.advance_cursor(s, "webhooks", 6)


def copy(source: Database, destination: Database, *, replace: bool = False) -> list[transfer.Copied]:
    return transfer.copy(source, destination, lambda digest: f"at {digest}", replace=replace, still=lambda: None)


def test_it_is_the_same_and_says_where_bytes_are_now(
    database: Database, url: str, other: Database, other_url: str
) -> None:
    database.write_now(fill)
    rows(url, "DELETE FROM events WHERE id = ?", MANY)
    copied = {table: count for table, count, _ in copy(database, other)}
    assert (copied["blobs"], copied["events"], copied["repository_blobs"]) == (MANY, MANY - 1, MANY)
    for table in ("repositories", "repository_blobs", "events"):
        assert sorted(rows(url, f"SELECT * FROM {table}")) == sorted(rows(other_url, f"SELECT * FROM {table}"))
    placed = dict(rows(other_url, "SELECT digest, place FROM blobs"))
    assert placed.pop(f"sha256:{0:064}") == ""  # its bytes are out of sight, and not copied
    assert placed == {digest: f"at {digest}" for digest in placed}
    assert rows(other_url, "SELECT name, event_id FROM event_cursors") == [("webhooks", 6)]


def test_no_id_is_given_again(database: Database, url: str, other: Database) -> None:
    database.write_now(fill)
    rows(url, "DELETE FROM events WHERE id > ?", 3)
    copy(database, other)
    other.write_now(lambda s: events.append(s, "blob.pushed", "app"))
    assert other.read_now(events.last_id) == MANY + 1
    last = max(id for (id,) in rows(url, "SELECT id FROM repositories"))
    assert other.write_now(lambda s: repositories.ensure(s, "new", 1)) > last
    copy(other, database, replace=True)
    database.write_now(lambda s: events.append(s, "blob.pushed", "app"))
    assert database.read_now(events.last_id) == MANY + 2


def test_other_data_is_left_or_replaced(database: Database, other: Database, other_url: str) -> None:
    database.write_now(fill)
    other.write_now(lambda s: repositories.ensure(s, "theirs", 1))
    with pytest.raises(Refused, match=r"holds data already \(table repositories\)"):
        copy(database, other)
    assert rows(other_url, "SELECT name FROM repositories") == [("theirs",)]
    copy(database, other, replace=True)
    assert len(rows(other_url, "SELECT name FROM repositories")) == 7


def test_what_was_written_meanwhile_undoes_all(database: Database, other: Database, other_url: str) -> None:
    database.write_now(fill)

    def still() -> None:
        raise Refused("it was written to")

    with pytest.raises(Refused, match="it was written to"):
        transfer.copy(database, other, None, replace=False, still=still)
    assert rows(other_url, "SELECT count(*) FROM blobs") == [(0,)]


def test_rows_that_differ_in_the_end_undo_all(database: Database, other: Database, other_url: str) -> None:
    database.write_now(fill)
    if other_url.startswith("sqlite:"):
        rows(
            other_url,
            "CREATE TRIGGER t AFTER INSERT ON events WHEN NEW.id = 9 "
            "BEGIN UPDATE events SET tag = 'x' WHERE id = 9; END",
        )
    else:
        rows(other_url, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tag = 1; RETURN NEW; END'")
        rows(other_url, "CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION f()")
    with pytest.raises(Refused, match="table events has"):
        copy(database, other)
    assert rows(other_url, "SELECT count(*) FROM blobs") == [(0,)]


def test_manifests_keep_their_bytes(database: Database, url: str, other: Database, other_url: str) -> None:
    rows(url, "INSERT INTO repositories (id, name, created_at) VALUES (7, 'app', 1)")
    for number in range(table_rows.MANIFEST_PAGE + 3):
        rows(
            url,
            "INSERT INTO manifests (repository_id, digest, media_type, size, artifact_type, annotations, created_at, "
            "payload) VALUES (7, ?, 'm', 3, '', '{}', 1, ?)",
            f"sha256:{number:064}",
            bytes([0, number, 255]),
        )
    copy(database, other)
    found = dict(rows(other_url, "SELECT digest, payload FROM manifests"))
    assert found == {f"sha256:{n:064}": bytes([0, n, 255]) for n in range(table_rows.MANIFEST_PAGE + 3)}
