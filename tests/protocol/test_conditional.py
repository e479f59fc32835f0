"""Conditional reads: entity tags, If-None-Match and If-Match on GET and HEAD."""

from __future__ import annotations

import pytest

from tests.protocol.client import Client
from tests.protocol.content import Manifest, Repository, noise


@pytest.fixture
def image(repository: Repository) -> Manifest:
    return repository.tag("latest", repository.image())


def test_manifest_entity_tag_is_its_digest(repository: Repository, image: Manifest) -> None:
    for reference in ("latest", image.digest):
        for method in ("GET", "HEAD"):
            response = repository.client.request(method, repository.manifest(reference))
            assert response.status == 200
            assert response.header("etag") == f'"{image.digest}"'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_manifest_not_modified(repository: Repository, image: Manifest, method: str) -> None:
    own, other = f'"{image.digest}"', '"sha256:00"'
    for condition in (own, f"W/{own}", f"{other}, {own}", f"{other},W/{own}", "*"):
        for reference in ("latest", image.digest):
            response = repository.client.request(method, repository.manifest(reference), {"If-None-Match": condition})
            assert response.status == 304, condition
            assert response.body == b""
            assert response.header("etag") == own
            assert response.header("docker-content-digest") == image.digest


def test_manifest_modified(repository: Repository, image: Manifest) -> None:
    for condition in ('"sha256:00"', image.digest[:-1], f'"{image.digest}x"', '""', "nonsense", '"unclosed'):
        response = repository.client.get(repository.manifest("latest"), {"If-None-Match": condition})
        assert response.status == 200, condition
        assert response.body == image.payload


def test_entity_tag_of_a_tag_moves_with_it(repository: Repository, image: Manifest) -> None:
    condition = {"If-None-Match": f'"{image.digest}"'}
    assert repository.client.get(repository.manifest("latest"), condition).status == 304
    newer = repository.tag("latest", repository.image("newer"))
    response = repository.client.get(repository.manifest("latest"), condition)
    assert response.status == 200
    assert response.header("etag") == f'"{newer.digest}"'


def test_condition_on_what_is_not_there(repository: Repository, image: Manifest) -> None:
    for condition in ("*", f'"{image.digest}"'):
        response = repository.client.get(repository.manifest("missing"), {"If-None-Match": condition})
        assert response.status == 404


def test_if_match_on_reads(repository: Repository, image: Manifest) -> None:
    url = repository.manifest("latest")
    assert repository.client.get(url, {"If-Match": f'"{image.digest}"'}).status == 200
    assert repository.client.get(url, {"If-Match": "*"}).status == 200
    response = repository.client.get(url, {"If-Match": '"sha256:00"'})
    assert response.status == 412
    assert response.code == "PRECONDITION_FAILED"


def test_blob_entity_tag(repository: Repository) -> None:
    digest = repository.push(noise(5000))
    own = f'"{digest}"'
    for method in ("GET", "HEAD"):
        assert repository.client.request(method, repository.blob(digest)).header("etag") == own
        for condition in (own, f"W/{own}", "*", f'"x", {own}'):
            response = repository.client.request(method, repository.blob(digest), {"If-None-Match": condition})
            assert response.status == 304
            assert response.header("etag") == own
            assert response.body == b""
        assert repository.client.request(method, repository.blob(digest), {"If-None-Match": '"x"'}).status == 200


def test_not_modified_wins_over_range(repository: Repository) -> None:
    digest = repository.push(noise(5000))
    headers = {"If-None-Match": f'"{digest}"', "Range": "bytes=0-9"}
    assert repository.client.get(repository.blob(digest), headers).status == 304


def test_tags_list_entity_tag_changes_with_the_list(repository: Repository, image: Manifest) -> None:
    url = f"/v2/{repository.name}/tags/list"
    first = repository.client.get(url)
    tag = first.header("etag")
    same = repository.client.get(url, {"If-None-Match": tag})
    assert same.status == 304
    assert same.header("etag") == tag
    assert repository.client.head(url, {"If-None-Match": tag}).status == 304
    repository.tag("another", image)
    changed = repository.client.get(url, {"If-None-Match": tag})
    assert changed.status == 200
    assert changed.json()["tags"] == ["another", "latest"]
    assert repository.client.delete(repository.manifest("another")).status == 202
    assert repository.client.get(url, {"If-None-Match": changed.header("etag")}).status == 200


def test_tags_list_pages_have_their_own_entity_tags(repository: Repository, image: Manifest) -> None:
    repository.tag("another", image)
    one = repository.client.get(f"/v2/{repository.name}/tags/list?n=1").header("etag")
    two = repository.client.get(f"/v2/{repository.name}/tags/list?n=1&last=another").header("etag")
    assert one != two
    assert repository.client.get(f"/v2/{repository.name}/tags/list?n=1", {"If-None-Match": one}).status == 304
    assert repository.client.get(f"/v2/{repository.name}/tags/list?n=1", {"If-None-Match": two}).status == 200


def test_several_headers_are_one_list(repository: Repository, image: Manifest) -> None:
    headers = [("If-None-Match", '"a"'), ("If-None-Match", f'"{image.digest}"')]
    assert repository.client.get(repository.manifest("latest"), headers).status == 304


def test_a_tag_is_never_cached_unasked(client: Client, repository: Repository, image: Manifest) -> None:
    """What can change must be validated; what is named by its digest need not be."""
    control = client.get(repository.manifest("latest")).get("cache-control") or ""
    assert "immutable" not in control
    assert "max-age" not in control or "max-age=0" in control
