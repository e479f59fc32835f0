"""Contract of the stores of repositories, blobs, manifests and tags."""

from registry.metadata import blobs, manifests, pushes, repositories, tags
from registry.metadata.database import Database
from registry.metadata.manifests import ManifestRow, ReferrerRow
from registry.metadata.session import Session
from registry.metadata.tags import HistoryRow


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def size(found: blobs.Located | None) -> int | None:
    return None if found is None else found.size


def add_blob(s: Session, repository: str, number: int, at: int = 1) -> None:
    blobs.publish(s, digest(number), 10 + number, at)
    blobs.link(s, repositories.ensure(s, repository, at), digest(number), at)


def add_manifest(
    s: Session,
    repository: str,
    number: int,
    *,
    subject: str | None = None,
    artifact_type: str = "",
    references: tuple[tuple[str, str], ...] = (),
    payload: bytes = b"",
) -> bool:
    repository_id = repositories.ensure(s, repository, 1)
    payload = payload or b'{"n":%d}' % number
    new = not manifests.exists(s, repository, digest(number))
    if new:
        manifests.put(
            s, repository_id, digest(number), "text/m", payload, subject, artifact_type, '{"a":"b"}', references, 1
        )
    return new


def add_tag(s: Session, repository: str, tag: str, number: int, at: int = 1) -> str | None:
    """Put the tag on the manifest of this number; what it pointed at before."""
    before = pushes.standing(s, repository, digest(number), [], [tag])
    tags.put(s, repositories.ensure(s, repository, at), repository, tag, digest(number), before.tags[tag], at, "me")
    return before.tags[tag]


def test_a_repository_has_one_id(database: Database) -> None:
    first = database.write_now(lambda s: repositories.ensure(s, "team/app", 1))
    assert database.write_now(lambda s: repositories.ensure(s, "team/app", 2)) == first
    assert database.read_now(lambda s: repositories.find(s, "team/app")) == first
    assert database.read_now(lambda s: repositories.find(s, "team/ap")) is None


def test_repositories_are_named_in_byte_order_after_the_last(database: Database) -> None:
    names = ["a", "a-b", "a/b", "a0", "ab", "b.c", "z_z"]
    database.write_now(lambda s: [repositories.ensure(s, name, 1) for name in reversed(names)])
    assert database.read_now(lambda s: repositories.names(s, "", 100)) == sorted(names)
    assert database.read_now(lambda s: repositories.names(s, "a", 2)) == ["a-b", "a/b"]
    assert database.read_now(lambda s: repositories.names(s, "a1", 2)) == ["ab", "b.c"]
    assert database.read_now(lambda s: repositories.names(s, "", 0)) == []


def test_only_an_empty_repository_is_dropped(database: Database) -> None:
    def fill(s: Session) -> int:
        add_blob(s, "app", 1)
        return repositories.ensure(s, "app", 1)

    repository_id = database.write_now(fill)
    assert not database.write_now(lambda s: repositories.drop_if_empty(s, repository_id))
    database.write_now(lambda s: (add_manifest(s, "app", 2), blobs.unlink(s, "app", digest(1))))
    assert not database.write_now(lambda s: repositories.drop_if_empty(s, repository_id))
    database.write_now(lambda s: manifests.delete(s, "app", digest(2)))
    assert database.write_now(lambda s: repositories.drop_if_empty(s, repository_id))
    assert database.read_now(lambda s: repositories.names(s, "", 9)) == []


def test_a_blob_is_seen_only_where_it_is_linked(database: Database) -> None:
    database.write_now(lambda s: add_blob(s, "app", 1))
    database.write_now(lambda s: repositories.ensure(s, "other", 1))
    assert database.read_now(lambda s: size(blobs.located(s, "app", digest(1)))) == 11
    assert database.read_now(lambda s: blobs.located(s, "other", digest(1))) is None
    assert database.read_now(lambda s: blobs.located(s, "nobody", digest(1))) is None
    assert database.read_now(lambda s: size(blobs.present(s, digest(1)))) == 11
    found = [database.read_now(lambda s, name=name: blobs.found(s, name, digest(1))) for name in ("app", "other", "no")]  # type: ignore[misc]
    assert found == [database.read_now(lambda s: blobs.located(s, "app", digest(1))), True, False]
    assert database.read_now(lambda s: blobs.found(s, "app", digest(2))) is True


def test_mountable_is_what_a_mount_finds(database: Database) -> None:
    def mountable(repository: str, number: int, source: str | None) -> tuple[blobs.Standing, int | None]:
        standing, found = database.read_now(lambda s: blobs.mountable(s, repository, digest(number), source))
        return standing, size(found)

    assert mountable("other", 1, None) == ((None, None, False), None)
    database.write_now(lambda s: add_blob(s, "app", 1))
    other = database.write_now(lambda s: repositories.ensure(s, "other", 1))
    there = (other, "present", False)
    for source, found in ((None, 11), ("app", 11), ("other", None), ("nobody", None)):
        assert mountable("other", 1, source) == (there, found)
    database.write_now(lambda s: blobs.link(s, other, digest(1), 1))
    assert mountable("other", 1, "app") == ((other, "present", True), 11)
    database.write_now(lambda s: blobs.quarantine(s, digest(1), "truncated", 2))
    assert mountable("other", 1, None) == ((other, "quarantined", True), None)


def test_linking_again_does_nothing(database: Database) -> None:
    def link(s: Session) -> None:
        repository_id = repositories.ensure(s, "app", 1)
        blobs.publish(s, digest(1), 1, 1)
        for number in (1, 1, 2):
            blobs.link(s, repository_id, digest(number), 1)

    database.write_now(link)
    assert database.read_now(lambda s: blobs.located(s, "app", digest(2))) is None
    assert database.write_now(lambda s: blobs.unlink(s, "app", digest(1)))
    assert not database.write_now(lambda s: blobs.unlink(s, "app", digest(1)))
    assert database.read_now(lambda s: blobs.located(s, "app", digest(1))) is None
    assert database.read_now(lambda s: size(blobs.present(s, digest(1)))) == 1


def test_a_quarantined_blob_is_seen_nowhere_until_published_again(database: Database) -> None:
    database.write_now(lambda s: add_blob(s, "app", 1))
    database.write_now(lambda s: add_blob(s, "other", 1))
    assert database.write_now(lambda s: blobs.quarantine(s, digest(1), "truncated", 2))
    assert not database.write_now(lambda s: blobs.quarantine(s, digest(1), "truncated", 3))
    assert database.read_now(lambda s: blobs.located(s, "app", digest(1))) is None
    assert database.read_now(lambda s: blobs.present(s, digest(1))) is None
    assert database.read_now(lambda s: blobs.to_verify(s, 99, 9)) == []
    assert database.write_now(lambda s: blobs.standing(s, "a", digest(1))).state == "quarantined"
    database.write_now(lambda s: blobs.publish(s, digest(1), 11, 4))
    assert database.read_now(lambda s: size(blobs.located(s, "other", digest(1)))) == 11


def test_standing_is_what_a_push_finds(database: Database) -> None:
    def standing(repository: str, number: int) -> blobs.Standing:
        return database.read_now(lambda s: blobs.standing(s, repository, digest(number)))

    assert standing("app", 1) == (None, None, False)
    database.write_now(lambda s: add_blob(s, "app", 1))
    database.write_now(lambda s: add_blob(s, "other", 2))
    app, other = (database.read_now(lambda s, name=name: repositories.find(s, name)) for name in ("app", "other"))  # type: ignore[misc]
    assert standing("app", 1) == (app, "present", True)
    assert standing("other", 1) == (other, "present", False)
    assert standing("app", 3) == (app, None, False)
    assert standing("third", 1) == (None, "present", False)


def test_where_the_bytes_are_is_that_of_the_last_publishing(database: Database) -> None:
    database.write_now(lambda s: add_blob(s, "app", 1))
    assert database.read_now(lambda s: blobs.present(s, digest(1))) == blobs.Located(11, "", 1)
    assert not database.read_now(lambda s: blobs.is_at(s, ""))
    for place, at in (("there", 2), ("elsewhere", 3)):
        database.write_now(lambda s, place=place, at=at: blobs.publish(s, digest(1), 11, at, place))  # type: ignore[misc]
        found = blobs.Located(11, place, at)
        assert database.read_now(lambda s: blobs.present(s, digest(1))) == found
        assert database.read_now(lambda s: blobs.located(s, "app", digest(1))) == found
        assert database.read_now(lambda s: blobs.to_verify(s, 99, 9)) == [(digest(1), found)]
    assert database.read_now(lambda s: [blobs.is_at(s, place) for place in ("there", "elsewhere")]) == [False, True]
    database.write_now(lambda s: blobs.quarantine(s, digest(1), "flipped", 4))
    assert database.read_now(lambda s: blobs.is_at(s, "elsewhere"))


def test_blobs_are_verified_read_ones_first_then_longest_unverified(database: Database) -> None:
    def fill(s: Session) -> None:
        for number in range(1, 6):
            blobs.publish(s, digest(number), number, number)
        blobs.touch_read(s, digest(4), 20)
        blobs.touch_read(s, digest(3), 30)
        blobs.touch_read(s, digest(9), 30)

    database.write_now(fill)
    due = database.read_now(lambda s: blobs.to_verify(s, 5, 9))
    assert [(text, found.size) for text, found in due] == [(digest(n), n) for n in (3, 4, 1, 2)]
    assert database.read_now(lambda s: blobs.to_verify(s, 5, 1)) == due[:1]
    assert database.read_now(lambda s: blobs.to_verify(s, 5, 3)) == due[:3]
    database.write_now(lambda s: blobs.verified(s, digest(3), 40))
    assert database.read_now(lambda s: blobs.to_verify(s, 5, 9)) == due[1:]


def test_missing_digests_are_those_not_present_in_the_repository(database: Database) -> None:
    def fill(s: Session) -> None:
        for number in (1, 2):
            add_blob(s, "app", number)
        add_blob(s, "other", 3)
        blobs.quarantine(s, digest(2), "gone", 1)

    database.write_now(fill)
    asked = [digest(n) for n in (4, 3, 2, 1)]
    assert database.read_now(lambda s: pushes.standing(s, "app", digest(9), asked, [])).missing == asked[:3]
    assert database.read_now(lambda s: pushes.standing(s, "app", digest(9), [], [])).missing == []


def test_standing_of_a_manifest_is_all_a_push_wants_to_know(database: Database) -> None:
    def standing(repository: str, *names: str) -> pushes.Standing:
        return database.read_now(lambda s: pushes.standing(s, repository, digest(1), [], names))

    assert standing("app", "latest") == (None, None, [], {"latest": None})
    database.write_now(lambda s: (add_manifest(s, "app", 1), add_tag(s, "app", "latest", 1)))
    repository_id = database.read_now(lambda s: repositories.find(s, "app"))
    assert standing("app", "latest", "v1") == (repository_id, "text/m", [], {"latest": digest(1), "v1": None})
    assert standing("other", "latest") == (None, None, [], {"latest": None})


def test_a_manifest_is_served_by_digest_and_by_tag(database: Database) -> None:
    def fill(s: Session) -> list[bool]:
        new = [add_manifest(s, "app", 1), add_manifest(s, "app", 1)]
        add_tag(s, "app", "latest", 1)
        return new

    assert database.write_now(fill) == [True, False]
    row = ManifestRow(digest(1), "text/m", b'{"n":1}')
    assert database.read_now(lambda s: manifests.by_digest(s, "app", digest(1))) == row
    assert database.read_now(lambda s: manifests.by_tag(s, "app", "latest")) == row
    assert database.read_now(lambda s: manifests.by_tag(s, "app", "lates")) is None
    assert database.read_now(lambda s: manifests.by_tag(s, "ap", "latest")) is None
    assert database.read_now(lambda s: manifests.by_digest(s, "ap", digest(1))) is None
    assert database.read_now(lambda s: manifests.exists(s, "app", digest(1)))
    assert not database.read_now(lambda s: manifests.exists(s, "app", digest(2)))


def test_a_manifest_may_name_a_child_twice(database: Database) -> None:
    twice = (("layer", digest(5)), ("layer", digest(5)), ("config", digest(5)))
    assert database.write_now(lambda s: add_manifest(s, "app", 1, references=twice))


def test_deleting_a_manifest_takes_its_tags_and_records_that(database: Database) -> None:
    def fill(s: Session) -> None:
        for number, tag in ((1, "b"), (1, "a"), (2, "c")):
            add_manifest(s, "app", number, references=(("layer", digest(7)),))
            add_tag(s, "app", tag, number)

    database.write_now(fill)
    assert database.write_now(lambda s: manifests.delete(s, "app", digest(1), 5, "you")) == ["a", "b"]
    assert database.write_now(lambda s: manifests.delete(s, "app", digest(1))) is None
    assert database.read_now(lambda s: tags.names(s, "app", "", 9)) == ["c"]
    assert database.read_now(lambda s: manifests.by_tag(s, "app", "a")) is None
    history = database.read_now(lambda s: tags.history(s, "app", "a", 9))
    assert history == [HistoryRow("", digest(1), 5, "you"), HistoryRow(digest(1), "", 1, "me")]


def test_referrers_are_those_of_the_repository_in_order_of_digest(database: Database) -> None:
    def fill(s: Session) -> None:
        for number, kind in ((5, "sbom"), (3, "sig"), (4, "sbom")):
            add_manifest(s, "app", number, subject=digest(1), artifact_type=kind)
        add_manifest(s, "app", 6, subject=digest(2), artifact_type="sig")
        add_manifest(s, "other", 7, subject=digest(1), artifact_type="sig")

    database.write_now(fill)

    def numbers(kind: str | None, after: str = "", limit: int = 9) -> list[str]:
        rows = database.read_now(lambda s: manifests.referrers(s, "app", digest(1), kind, after, limit))
        return [row.digest for row in rows]

    assert numbers(None) == [digest(3), digest(4), digest(5)]
    assert numbers("sbom") == [digest(4), digest(5)]
    assert numbers(None, digest(3), 1) == [digest(4)]
    assert numbers("sbom", digest(4)) == [digest(5)]
    assert numbers("none") == []
    first = database.read_now(lambda s: manifests.referrers(s, "app", digest(1), "sig", "", 1))
    assert first == [ReferrerRow(digest(3), "text/m", 7, "sig", '{"a":"b"}')]


def test_what_an_index_at_a_tag_lists_is_found_without_reading_it(database: Database) -> None:
    def fill(s: Session) -> None:
        for number, kind in ((5, "sbom"), (3, "sig"), (4, "sbom")):
            add_manifest(s, "app", number, artifact_type=kind)
        add_manifest(s, "app", 6, subject=digest(2), artifact_type="sig")
        add_manifest(s, "other", 7, artifact_type="sig")
        named = (("layer", digest(9)), *(("manifest", digest(number)) for number in (3, 4, 5, 6, 7, 8)))
        add_manifest(s, "app", 9, references=named)
        add_tag(s, "app", "list", 9)

    database.write_now(fill)

    def numbers(kind: str | None, after: str = "", limit: int = 9) -> list[str]:
        rows = database.read_now(lambda s: manifests.listed(s, "app", "list", kind, after, limit))
        return [row.digest for row in rows]

    assert numbers(None) == [digest(3), digest(4), digest(5)]
    assert numbers("sbom", digest(4)) == [digest(5)]
    assert numbers(None, digest(3), 1) == [digest(4)]
    assert database.read_now(lambda s: manifests.listed(s, "app", "no list", None, "", 9)) == []


def test_annotations_of_long_manifests_are_asked_for(database: Database) -> None:
    database.write_now(lambda s: add_manifest(s, "app", 3, subject=digest(1), payload=b"x" * 4097))
    (row,) = database.read_now(lambda s: manifests.referrers(s, "app", digest(1), None, "", 9))
    assert (row.size, row.annotations_json) == (4097, None)
    asked = [manifests.ask_annotations("app", digest(3)), manifests.ask_annotations("app", digest(4))]
    assert database.read_now(lambda s: s.batch(asked)) == [[('{"a":"b"}',)], []]


def test_a_tag_moves_and_its_history_says_so(database: Database) -> None:
    def fill(s: Session) -> list[str | None]:
        add_manifest(s, "app", 1)
        add_manifest(s, "app", 2)
        return [add_tag(s, "app", "v1", n, at) for n, at in ((1, 1), (1, 2), (2, 3))]

    assert database.write_now(fill) == [None, digest(1), digest(1)]
    assert database.read_now(lambda s: tags.digest_of(s, "app", "v1")) == digest(2)
    assert database.write_now(lambda s: tags.delete(s, "app", "v1", 4, "you")) == digest(2)
    assert database.write_now(lambda s: tags.delete(s, "app", "v1", 5, "you")) is None
    assert database.read_now(lambda s: tags.digest_of(s, "app", "v1")) is None
    history = database.read_now(lambda s: tags.history(s, "app", "v1", 2))
    assert history == [HistoryRow("", digest(2), 4, "you"), HistoryRow(digest(2), digest(1), 3, "me")]
    assert len(database.read_now(lambda s: tags.history(s, "app", "v1", 9))) == 3


def test_a_tag_cannot_point_at_a_manifest_of_another_repository(database: Database) -> None:
    database.write_now(lambda s: add_manifest(s, "other", 1))
    database.write_now(lambda s: add_tag(s, "app", "v1", 1))
    assert database.read_now(lambda s: tags.names(s, "app", "", 9)) == []


def test_tags_are_listed_in_byte_order_after_the_last(database: Database) -> None:
    names = ["1.0", "1.10", "A", "_x", "a", "a-b", "a.b"]

    def fill(s: Session) -> None:
        add_manifest(s, "app", 1)
        for name in names:
            add_tag(s, "app", name, 1)

    database.write_now(fill)
    assert database.read_now(lambda s: tags.names(s, "app", "", 99)) == sorted(names)
    assert database.read_now(lambda s: tags.names(s, "app", "A", 2)) == ["_x", "a"]
    assert database.read_now(lambda s: tags.names(s, "none", "", 9)) == []
