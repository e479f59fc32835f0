"""Conditional writes of manifests: If-Match and If-None-Match on PUT and DELETE, alone and against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.protocol.client import Response
from tests.protocol.content import Manifest, Repository, new_repository
from tests.protocol.server import running


@pytest.fixture
def one(repository: Repository) -> Manifest:
    return repository.tag("latest", repository.image("one"))


@pytest.fixture
def two(repository: Repository) -> Manifest:
    return repository.image("two")


def match(manifest: Manifest) -> dict[str, str]:
    return {"If-Match": f'"{manifest.digest}"'}


def refused(response: Response) -> bool:
    return response.status == 412 and response.code == "PRECONDITION_FAILED"


def current(repository: Repository, tag: str = "latest") -> str:
    return repository.client.head(repository.manifest(tag)).header("docker-content-digest")


def test_put_over_what_was_read(repository: Repository, one: Manifest, two: Manifest) -> None:
    assert repository.put("latest", two, match(one)).status == 201
    assert current(repository) == two.digest


def test_put_over_what_has_moved(repository: Repository, one: Manifest, two: Manifest) -> None:
    three = repository.image("three")
    repository.tag("latest", two)
    assert refused(repository.put("latest", three, match(one)))
    assert current(repository) == two.digest
    assert repository.client.head(repository.manifest(three.digest)).status == 404


def test_put_star_needs_something_there(repository: Repository, one: Manifest, two: Manifest) -> None:
    assert repository.put("latest", two, {"If-Match": "*"}).status == 201
    assert refused(repository.put("missing", two, {"If-Match": "*"}))
    assert refused(repository.put("missing", two, match(one)))
    assert repository.client.head(repository.manifest("missing")).status == 404


def test_create_only(repository: Repository, one: Manifest, two: Manifest) -> None:
    assert repository.put("fresh", one, {"If-None-Match": "*"}).status == 201
    assert refused(repository.put("fresh", two, {"If-None-Match": "*"}))
    assert refused(repository.put("fresh", one, {"If-None-Match": "*"}))
    assert current(repository, "fresh") == one.digest


def test_none_match_of_a_digest(repository: Repository, one: Manifest, two: Manifest) -> None:
    assert refused(repository.put("latest", two, {"If-None-Match": f'"{one.digest}"'}))
    assert repository.put("latest", two, {"If-None-Match": f'"{two.digest}"'}).status == 201


def test_one_of_a_list_is_enough(repository: Repository, one: Manifest, two: Manifest) -> None:
    assert repository.put("latest", two, {"If-Match": f'"sha256:00", "{one.digest}"'}).status == 201


def test_weak_tags_never_match_strongly(repository: Repository, one: Manifest, two: Manifest) -> None:
    assert refused(repository.put("latest", two, {"If-Match": f'W/"{one.digest}"'}))


def test_garbage_in_if_match_is_no_free_pass(repository: Repository, one: Manifest, two: Manifest) -> None:
    for value in ("nonsense", '"unclosed', ""):
        response = repository.put("latest", two, {"If-Match": value})
        assert response.status in (400, 412), value
    assert current(repository) == one.digest


def test_put_by_digest(repository: Repository, one: Manifest, two: Manifest) -> None:
    assert refused(repository.put(one.digest, one, {"If-None-Match": "*"}))
    assert repository.put(two.digest, two, {"If-None-Match": "*"}).status == 201
    assert refused(repository.put(two.digest, two, {"If-None-Match": "*"}))


def test_delete_of_a_tag(repository: Repository, one: Manifest, two: Manifest) -> None:
    url = repository.manifest("latest")
    assert refused(repository.client.delete(url, match(two)))
    assert current(repository) == one.digest
    assert repository.client.delete(url, match(one)).status == 202
    assert repository.client.head(url).status == 404
    assert repository.client.delete(url, match(one)).status in (404, 412)


def test_delete_of_a_manifest(repository: Repository, one: Manifest, two: Manifest) -> None:
    url = repository.manifest(one.digest)
    assert refused(repository.client.delete(url, match(two)))
    assert refused(repository.client.delete(url, {"If-None-Match": "*"}))
    assert repository.client.delete(url, match(one)).status == 202
    assert repository.client.head(url).status == 404


def race(repository: Repository, actions: list[Callable[[], Response]]) -> list[int]:
    """Runs the actions at the same moment and gives their statuses."""
    return [response.status for response in repository.client.together(actions)]


@pytest.fixture(scope="module", params=["1", "2"], ids=["one worker", "two workers"])
def raced(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Repository]:
    with running(tmp_path_factory.mktemp("race"), {"ENTREPOT_SERVER_WORKERS": request.param}) as server:
        yield new_repository(server.client)


def writer(repository: Repository, tag: str, manifest: Manifest, condition: dict[str, str]) -> Callable[[], Response]:
    return lambda: repository.put(tag, manifest, condition)


def deleter(repository: Repository, tag: str, condition: dict[str, str]) -> Callable[[], Response]:
    return lambda: repository.client.delete(repository.manifest(tag), condition)


def test_exactly_one_writer_wins_each_round(raced: Repository) -> None:
    candidates = [raced.image(f"candidate {number}") for number in range(6)]
    holder = raced.tag("latest", raced.image("start"))
    for _ in range(12):
        contenders = [manifest for manifest in candidates if manifest != holder]
        statuses = race(raced, [writer(raced, "latest", manifest, match(holder)) for manifest in contenders])
        assert sorted(statuses) == [201] + [412] * (len(contenders) - 1)
        holder = contenders[statuses.index(201)]
        assert current(raced) == holder.digest


def test_exactly_one_creates(raced: Repository) -> None:
    candidates = [raced.image(f"creator {number}") for number in range(6)]
    for number in range(8):
        tag = f"created-{number}"
        statuses = race(raced, [writer(raced, tag, manifest, {"If-None-Match": "*"}) for manifest in candidates])
        assert sorted(statuses) == [201] + [412] * (len(candidates) - 1)
        assert current(raced, tag) == candidates[statuses.index(201)].digest


def test_delete_and_put_against_each_other(raced: Repository) -> None:
    one, two = raced.image("ours"), raced.image("theirs")
    for number in range(8):
        tag = f"contested-{number}"
        raced.tag(tag, one)
        put, deleted = race(raced, [writer(raced, tag, two, match(one)), deleter(raced, tag, match(one))])
        # Whoever comes second finds another state: the put finds nothing (412), the delete another manifest (412).
        assert (put, deleted) in {(201, 412), (412, 202)}
        assert raced.client.head(raced.manifest(tag)).status == (200 if put == 201 else 404)


def test_unconditional_writers_leave_one_of_theirs(raced: Repository) -> None:
    candidates = [raced.image(f"free {number}") for number in range(5)]
    for _ in range(5):
        assert set(race(raced, [writer(raced, "free", manifest, {}) for manifest in candidates])) == {201}
        assert current(raced, "free") in {manifest.digest for manifest in candidates}
