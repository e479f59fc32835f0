"""What is deleted: out of sight in every store at once, kept with what it refers to, pruned. And leases of blobs."""

from pathlib import Path

import pytest

from registry.metadata import blobs, events, manifests, repositories, schema, tags
from registry.metadata.database import Database
from registry.metadata.session import Session
from registry.metadata.statement import Statement
from tests.databases import rows
from tests.metadata.conftest import KINDS
from tests.metadata.test_contents import add_blob, add_manifest, add_tag, digest

KEPT = (
    "select repository, digest, media_type, size, subject, artifact_type, annotations, created_at, deleted_at, actor"
    " from deleted_manifests order by id"
)
REFERENCES = "select kind, digest from deleted_references order by kind, digest"


def fill(s: Session) -> None:
    """An image of two blobs with two tags, and what refers to it."""
    add_manifest(s, "app", 1, references=(("config", digest(8)), ("layer", digest(9))))
    add_tag(s, "app", "v1", 1)
    add_tag(s, "app", "latest", 1)
    add_manifest(s, "app", 2, subject=digest(1), artifact_type="text/sbom")


def visible(s: Session) -> list[object]:
    """All that any store says of the image."""
    return [
        manifests.by_digest(s, "app", digest(1)),
        manifests.by_tag(s, "app", "v1"),
        manifests.exists(s, "app", digest(1)),
        s.batch([manifests.ask_media_type("app", digest(1)), manifests.ask_size("app", digest(1))]),
        digest(1) in manifests.digests(s, "app", "", 9),
        tags.names(s, "app", "", 9),
        tags.digest_of(s, "app", "latest"),
    ]


NOTHING: list[object] = [None, None, False, [[], []], False, [], None]


def test_it_is_out_of_sight_at_once_and_kept(database: Database, url: str) -> None:
    database.write_now(fill)
    before = database.read_now(visible)
    assert NOTHING not in before
    assert database.write_now(lambda s: manifests.delete(s, "app", digest(1), 77, "me")) == ["latest", "v1"]
    assert database.read_now(visible) == NOTHING
    assert rows(url, KEPT) == [("app", digest(1), "text/m", 7, None, "", '{"a":"b"}', 1, 77, "me")]
    assert rows(url, "select payload from deleted_manifests") == [(b'{"n":1}',)]
    assert rows(url, REFERENCES) == [("config", digest(8)), ("layer", digest(9))]
    history = database.read_now(lambda s: tags.history(s, "app", "v1", 1))
    assert history == [tags.HistoryRow("", digest(1), 77, "me")]


def test_a_deleted_referrer_is_listed_no_more(database: Database) -> None:
    database.write_now(fill)
    database.write_now(lambda s: manifests.delete(s, "app", digest(2), 77, "me"))
    assert database.read_now(lambda s: manifests.referrers(s, "app", digest(1), None, "", 9)) == []


def test_pushed_again_it_is_back_and_can_be_deleted_again(database: Database, url: str) -> None:
    for at in (77, 88):
        database.write_now(fill)
        assert NOTHING[0] != database.read_now(visible)[0]
        database.write_now(lambda s, at=at: manifests.delete(s, "app", digest(1), at, "me"))  # type: ignore[misc]
        assert database.read_now(visible) == NOTHING
        database.write_now(lambda s: manifests.delete(s, "app", digest(2), 0, "me"))
    assert rows(url, f"select deleted_at from deleted_manifests where digest = '{digest(1)}' order by id") == [
        (77,),
        (88,),
    ]


def test_a_repository_is_gone_with_its_last_manifest_and_its_name_is_free(database: Database, url: str) -> None:
    database.write_now(lambda s: add_manifest(s, "app", 1))
    old = database.read_now(lambda s: repositories.find(s, "app"))
    assert old is not None
    database.write_now(lambda s: manifests.delete(s, "app", digest(1), 77, "me"))
    assert database.write_now(lambda s: repositories.drop_if_empty(s, old))
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == []
    assert database.read_now(lambda s: repositories.find(s, "app")) is None
    assert [row[0] for row in rows(url, KEPT)] == ["app"]
    database.write_now(lambda s: add_manifest(s, "app", 1))
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == ["app"]


def test_the_oldest_are_pruned_first_with_what_they_refer_to(database: Database, url: str) -> None:
    for number in range(1, 6):
        database.write_now(lambda s, n=number: add_manifest(s, "app", n, references=(("layer", digest(9)),)))  # type: ignore[misc]
        database.write_now(lambda s, n=number: manifests.delete(s, "app", digest(n), 100 - n, "me"))  # type: ignore[misc]
    assert database.read_now(manifests.oldest_deleted_at) == 95
    assert database.write_now(lambda s: manifests.prune_deleted(s, 99, 2)) == 2
    assert sorted(row[8] for row in rows(url, KEPT)) == [97, 98, 99]
    assert database.write_now(lambda s: manifests.prune_deleted(s, 99, 9)) == 2
    assert [row[8] for row in rows(url, KEPT)] == [99]
    assert len(rows(url, REFERENCES)) == 1
    assert database.write_now(lambda s: manifests.prune_deleted(s, 1000, 9)) == 1
    assert (rows(url, REFERENCES), database.read_now(manifests.oldest_deleted_at)) == ([], None)


def leased_until(url: str) -> list[int]:
    return [until for (until,) in rows(url, "select leased_until from repository_blobs order by blob_id")]


def test_a_lease_is_taken_with_the_link_and_renewed_when_half_is_gone(database: Database, url: str) -> None:
    database.write_now(lambda s: add_blob(s, "app", 1))
    assert leased_until(url) == [0]
    for at, expected in ((0, 1000), (400, 1000), (501, 1501), (0, 1501)):
        database.write_now(lambda s, at=at: blobs.lease(s, "app", digest(1), at, at + 1000))  # type: ignore[misc]
        assert leased_until(url) == [expected]
    for repository, number in (("other", 1), ("app", 2)):  # of what is not there, there is no lease
        database.write_now(lambda s, r=repository, n=number: blobs.lease(s, r, digest(n), 5000, 9000))  # type: ignore[misc]
    assert leased_until(url) == [1501]

    def pushed(s: Session) -> None:
        blobs.publish(s, digest(2), 1, 1)
        blobs.link(s, repositories.ensure(s, "app", 1), digest(2), 1, 4321)

    database.write_now(pushed)
    assert leased_until(url) == [1501, 4321]


def test_the_version_before_goes_on_over_these_tables(database: Database, url: str) -> None:
    """As its statements are: no column of what is new is named."""
    database.write_now(lambda s: add_manifest(s, "app", 1))
    database.write_now(lambda s: blobs.publish(s, digest(5), 1, 1))
    link = "insert into repository_blobs (repository_id, blob_id, linked_at)"
    rows(url, f"{link} select r.id, b.id, 1 from repositories r, blobs b")
    assert database.read_now(lambda s: blobs.found(s, "app", digest(5))) == blobs.Located(1, "", 1)
    assert leased_until(url) == [0]
    rows(url, "delete from manifests")
    assert database.read_now(lambda s: manifests.by_digest(s, "app", digest(1))) is None
    assert rows(url, KEPT) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_from_the_version_before_with_rows_and_back(kind: str, tmp_path: Path) -> None:
    url = KINDS[kind](tmp_path)
    schema.upgrade(url, "0002")
    rows(url, "insert into repositories (id, name, created_at) values (1, 'app', 1)")
    blob = "insert into blobs (id, digest, size, state, created_at, changed_at, read_at, verified_at)"
    rows(url, f"{blob} values (1, '{digest(1)}', 1, 'present', 1, 1, 0, 1)")
    rows(url, "insert into repository_blobs (repository_id, blob_id, linked_at) values (1, 1, 1)")
    schema.upgrade(url, "0003")
    assert leased_until(url) == [0]
    schema.downgrade(url, "0002")
    assert rows(url, "select repository_id, blob_id, linked_at from repository_blobs") == [(1, 1, 1)]


WATCHED = {
    "manifest by tag": manifests._BY_TAG,
    "manifest by digest": manifests._BY_DIGEST,
    "blob": blobs._FOUND,
    "tags": tags._NAMES,
    "catalog": repositories._NAMES,
    "referrers": manifests._REFERRERS,
    "digests": manifests._DIGESTS,
    "blobs of a repository": blobs._LINKED,
    "first event": events._FIRST,
    "lease": blobs._LEASE,
    "oldest deleted": manifests._OLDEST_DELETED,
    "prune deleted": manifests._PRUNE,
    "prune events": events._PRUNE,
}
PARAMETERS = {
    "at": 1,
    "after": 1,
    "before": 1,
    "through": 1,
    "limit": 1,
    "until": 1,
    "enough": 1,
} | dict.fromkeys(("repository", "tag", "digest", "subject"), "x")


@pytest.mark.parametrize("name", WATCHED)
def test_no_table_is_read_from_end_to_end(database: Database, name: str) -> None:
    """However long it is: 100,000 tags cost what one does."""
    statement = WATCHED[name]
    words = {"catalog", "tags", "referrers", "digests"}
    parameters = PARAMETERS | ({"after": "x"} if name in words else {})

    def plan(s: Session) -> str:
        if s.dialect.name == "postgresql":
            s.sql("SET LOCAL enable_seqscan = off")  # of a table of one page it is the cheapest
            text = statement.numbered(s.dialect)[0]
            for place, column in enumerate(statement.numbered(s.dialect)[1], 1):
                text = text.replace(f"${place}", literal(parameters[column]), 1) if "$" in text else text
            return "\n".join(str(row[0]) for row in s.sql(f"EXPLAIN {text}"))
        explained = Statement(statement._build)
        explained._texts[s.dialect.name] = f"EXPLAIN QUERY PLAN {statement.text(s.dialect)}"
        return "\n".join(str(row[3]) for row in s.all(explained, **parameters))

    found = database.write_now(plan)
    assert found
    for word in ("Seq Scan", "SCAN "):
        assert not [
            line for line in found.splitlines() if word in line and "INDEX" not in line and "PRIMARY KEY" not in line
        ], found


def literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
