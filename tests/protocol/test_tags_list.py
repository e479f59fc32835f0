"""Paging and order of the tags list."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.protocol.client import Client
from tests.protocol.content import Repository, new_repository, next_page, pages
from tests.protocol.server import Server

# Byte order: digits, capitals, underscore, small letters; "1.10" before "1.9".
TAGS = ["1.10", "1.9", "10", "A", "B.c", "Z-1", "_x", "a", "a-b", "a.b", "a_b", "aa", "latest", "z"]


@pytest.fixture(scope="module")
def tagged(server: Server) -> Repository:
    repository = new_repository(server.client)
    manifest = repository.image("tags")
    for tag in reversed(TAGS):
        repository.tag(tag, manifest)
    return repository


def test_all_in_byte_order(tagged: Repository) -> None:
    response = tagged.tags()
    assert response.status == 200
    assert response.header("content-type") == "application/json"
    assert response.json() == {"name": tagged.name, "tags": TAGS}
    assert response.get("link") is None


@pytest.mark.parametrize("n", [1, 3, 7, 13, 14, 15])
def test_pages_by_link_give_every_tag_once(tagged: Repository, n: int) -> None:
    found = [page.json()["tags"] for page in pages(tagged.client, f"/v2/{tagged.name}/tags/list?n={n}")]
    assert [tag for page in found for tag in page] == TAGS
    assert all(len(page) == n for page in found[:-1])
    assert 0 < len(found[-1]) <= n


def test_no_link_after_a_page_that_ends_the_list(tagged: Repository) -> None:
    response = tagged.tags(f"?n={len(TAGS)}")
    assert response.json()["tags"] == TAGS
    assert response.get("link") is None


def test_link_is_relative_and_names_n_and_last(tagged: Repository) -> None:
    following = next_page(tagged.tags("?n=2"))
    assert following is not None
    path, _, query = following.partition("?")
    assert path == f"/v2/{tagged.name}/tags/list"
    assert sorted(query.split("&")) == ["last=1.9", "n=2"]


def test_last_is_left_out_of_what_follows(tagged: Repository) -> None:
    assert tagged.tags("?last=a").json()["tags"] == TAGS[TAGS.index("a") + 1 :]
    assert tagged.tags("?n=2&last=a").json()["tags"] == ["a-b", "a.b"]
    assert tagged.tags("?last=z").json()["tags"] == []


def test_last_need_not_exist(tagged: Repository) -> None:
    assert tagged.tags("?n=1&last=a-a").json()["tags"] == ["a-b"]
    assert tagged.tags("?n=1&last=0").json()["tags"] == ["1.10"]
    assert tagged.tags("?last=zz").json()["tags"] == []


def test_last_may_be_anything(tagged: Repository) -> None:
    for value in ("é", "%00", "a/b", "a b", "x" * 3000, "'; drop table tags; --", "\U0001f40b"):
        response = tagged.tags(f"?n=3&last={quote(value, safe='%')}")
        assert response.status in (200, 400), value
        if response.status == 200:
            assert len(response.json()["tags"]) <= 3


def test_zero_is_an_empty_list_without_link(tagged: Repository) -> None:
    for query in ("?n=0", "?n=0&last=a", "?n=00"):
        response = tagged.tags(query)
        assert response.status == 200
        assert response.json() == {"name": tagged.name, "tags": []}
        assert response.get("link") is None


@pytest.mark.parametrize("n", ["1001", "1000000", str(2**31), str(2**63), str(10**30), "9" * 2000])
def test_huge_n_is_clamped(tagged: Repository, n: str) -> None:
    response = tagged.tags(f"?n={n}")
    assert response.status == 200
    assert response.json()["tags"] == TAGS


def test_empty_parameters_are_as_if_they_were_not_there(tagged: Repository) -> None:
    assert tagged.tags("?n=&last=").json()["tags"] == TAGS


@pytest.mark.parametrize("n", ["%ff", "abc", "-1", "1.5", "1e3", "0x10", "%20", "+1", "1_0", "%D9%A1", "1;2"])
def test_n_that_is_no_number(tagged: Repository, n: str) -> None:
    response = tagged.tags(f"?n={n}")
    assert response.status == 400
    assert response.code == "PAGINATION_NUMBER_INVALID"


def test_unknown_repository(client: Client) -> None:
    for query in ("", "?n=0", "?n=5&last=a"):
        response = client.get(f"/v2/no/such/repository/tags/list{query}")
        assert response.status == 404
        assert response.code == "NAME_UNKNOWN"


def test_invalid_name(client: Client) -> None:
    for name in ("Upper", "-a", "a..b", "a" * 256, "a_-b"):
        response = client.get(f"/v2/{name}/tags/list")
        assert response.status in (400, 404), name
        assert response.code in ("NAME_INVALID", "NAME_UNKNOWN"), name


def test_repository_without_tags(repository: Repository) -> None:
    manifest = repository.image()
    assert repository.put(manifest.digest, manifest).status == 201
    response = repository.tags()
    assert response.status == 200
    assert response.json() == {"name": repository.name, "tags": []}


def test_head_has_the_headers_of_get(tagged: Repository) -> None:
    url = f"/v2/{tagged.name}/tags/list?n=2"
    got, headed = tagged.client.get(url), tagged.client.head(url)
    assert headed.status == 200
    for name in ("content-type", "content-length", "link", "etag"):
        assert headed.get(name) == got.get(name), name


def test_names_that_look_like_routes(client: Client) -> None:
    """Names may end in the words of the API; the last such word is the route."""
    for name in ("tags/list", "blobs/uploads", "manifests/latest", "x/tags/list", "v2/referrers", "a/blobs/uploads/b"):
        repository = Repository(client, f"odd/{name}")
        manifest = repository.tag("latest", repository.image(name))
        assert repository.tags().json() == {"name": f"odd/{name}", "tags": ["latest"]}, name
        assert client.get(repository.manifest("latest")).body == manifest.payload, name
        assert client.get(repository.manifest(manifest.digest)).body == manifest.payload, name
        assert repository.referrers(manifest.digest).json()["manifests"] == [], name
