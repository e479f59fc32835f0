"""The catalog: order, paging, what is listed and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.protocol.content import Repository, next_page, pages
from tests.protocol.server import Server, running

# Byte order: "-" and "." and "/" come before digits and letters, so prefixes do not simply follow each other.
NAMES = ["a", "a-b", "a-b/c", "a.b", "a/b", "a/b-c", "a/b/c", "a0", "a_b", "ab", "b", "zz/9/x"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("catalog"), {"ENTREPOT_LIMITS_PAGE_SIZE": "5"}) as server:
        for name in reversed(NAMES):
            Repository(server.client, name).push(name.encode())
        yield server


def test_clamped_pages_in_byte_order(listed: Server) -> None:
    for target in ("/v2/_catalog", "/v2/_catalog?n=100000"):
        found = [page.json()["repositories"] for page in pages(listed.client, target)]
        assert found == [NAMES[:5], NAMES[5:10], NAMES[10:]]


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_pages_give_every_name_once(listed: Server, n: int) -> None:
    found = [name for page in pages(listed.client, f"/v2/_catalog?n={n}") for name in page.json()["repositories"]]
    assert found == NAMES


def test_link_is_relative_and_quotes_the_name(listed: Server) -> None:
    response = listed.client.get("/v2/_catalog?n=5")
    following = next_page(response)
    assert following is not None
    assert sorted(following.partition("?")[2].split("&")) in (["last=a%2Fb", "n=5"], ["last=a/b", "n=5"])
    assert following.startswith("/v2/_catalog?")
    assert response.header("content-type") == "application/json"


def test_last(listed: Server) -> None:
    def after(last: str) -> list[str]:
        names = listed.client.get(f"/v2/_catalog?n=2&last={last}").json()["repositories"]
        assert isinstance(names, list)
        return names

    assert after("a") == ["a-b", "a-b/c"]
    assert after("a/b") == after("a%2Fb") == ["a/b-c", "a/b/c"]
    assert after("a/zzz") == ["a0", "a_b"]
    assert after("zz/9/x") == []


def test_zero(listed: Server) -> None:
    response = listed.client.get("/v2/_catalog?n=0")
    assert response.status == 200
    assert response.json() == {"repositories": []}
    assert response.get("link") is None


@pytest.mark.parametrize("n", ["abc", "-1", "1.5"])
def test_n_that_is_no_number(listed: Server, n: str) -> None:
    response = listed.client.get(f"/v2/_catalog?n={n}")
    assert response.status == 400
    assert response.code == "PAGINATION_NUMBER_INVALID"


def test_tags_are_clamped_too(listed: Server) -> None:
    repository = Repository(listed.client, "b")
    manifest = repository.image()
    tags = [f"t{number:02}" for number in range(12)]
    for tag in tags:
        repository.tag(tag, manifest)
    found = [page.json()["tags"] for page in pages(listed.client, "/v2/b/tags/list?n=9999")]
    assert found == [tags[:5], tags[5:10], tags[10:]]


def test_a_session_alone_is_no_repository(repository: Repository) -> None:
    location = repository.start()
    assert repository.name not in catalog(repository)
    assert repository.client.delete(location).status == 204


def test_no_ghost_after_everything_is_deleted(repository: Repository) -> None:
    manifest = repository.tag("latest", repository.image())
    assert repository.name in catalog(repository)
    document = json.loads(manifest.payload)
    assert repository.client.delete(repository.manifest(manifest.digest)).status == 202
    for entry in (document["config"], *document["layers"]):
        assert repository.client.delete(repository.blob(entry["digest"])).status == 202
    assert repository.name not in catalog(repository)
    assert repository.tags().status == 404


def catalog(repository: Repository) -> list[str]:
    return [name for page in pages(repository.client, "/v2/_catalog") for name in page.json()["repositories"]]
