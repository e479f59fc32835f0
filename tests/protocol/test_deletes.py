"""Deletes: immediate, of exactly what was named, and only in the repository they were sent to."""

from __future__ import annotations

import json

import pytest

from tests.protocol.client import Client
from tests.protocol.content import Manifest, Repository, index_document, manifest_of, new_repository, noise


def gone(client: Client, url: str, code: str) -> None:
    """Not there: on HEAD, on GET, and for another delete."""
    assert client.head(url).status == 404
    for response in (client.get(url), client.delete(url)):
        assert (response.status, response.code) == (404, code)


def test_a_tag(repository: Repository) -> None:
    image = repository.tag("latest", repository.image())
    repository.tag("other", image)
    response = repository.client.delete(repository.manifest("latest"))
    assert response.status == 202
    assert response.body == b""
    gone(repository.client, repository.manifest("latest"), "MANIFEST_UNKNOWN")
    assert repository.tags().json()["tags"] == ["other"]
    for reference in ("other", image.digest):
        assert repository.client.get(repository.manifest(reference)).body == image.payload


def test_a_manifest_with_its_tags(repository: Repository) -> None:
    image = repository.image()
    for tag in ("one", "two", "three"):
        repository.tag(tag, image)
    other = repository.tag("stays", repository.image("stays"))
    assert repository.client.delete(repository.manifest(image.digest)).status == 202
    for reference in ("one", "two", "three", image.digest):
        gone(repository.client, repository.manifest(reference), "MANIFEST_UNKNOWN")
    assert repository.tags().json()["tags"] == ["stays"]
    assert repository.client.get(repository.manifest("stays")).body == other.payload


def test_a_blob(repository: Repository, client: Client) -> None:
    data = noise(3000, repository.name)
    digest = repository.push(data)
    other = new_repository(client)
    for each in (repository, other):
        each.push(b"something to stay")
    other.push(data)
    response = client.delete(repository.blob(digest))
    assert response.status == 202
    gone(client, repository.blob(digest), "BLOB_UNKNOWN")
    assert client.get(other.blob(digest)).body == data
    assert client.delete(other.blob(digest)).status == 202
    gone(client, other.blob(digest), "BLOB_UNKNOWN")
    assert repository.push(data) == digest
    assert client.get(repository.blob(digest)).body == data
    gone(client, other.blob(digest), "BLOB_UNKNOWN")


def test_a_blob_that_a_manifest_needs(repository: Repository) -> None:
    """Taken as the specification has it; the manifest stays and says what it always said."""
    image = repository.tag("latest", repository.image())
    layer = json.loads(image.payload)["layers"][0]["digest"]
    assert repository.client.delete(repository.blob(layer)).status == 202
    gone(repository.client, repository.blob(layer), "BLOB_UNKNOWN")
    assert repository.client.get(repository.manifest("latest")).body == image.payload


def test_children_of_an_index_stay(repository: Repository) -> None:
    image = repository.tag("image", repository.image())
    index = repository.tag("index", manifest_of(index_document([image.descriptor()])))
    assert repository.client.delete(repository.manifest(index.digest)).status == 202
    assert repository.client.get(repository.manifest("image")).status == 200
    repository.tag("index", index)
    assert repository.client.delete(repository.manifest(image.digest)).status == 202
    assert repository.client.get(repository.manifest("index")).body == index.payload


def test_pushed_again(repository: Repository) -> None:
    for _ in range(3):
        image = repository.tag("latest", repository.image())
        assert repository.client.get(repository.manifest("latest")).body == image.payload
        assert repository.client.delete(repository.manifest(image.digest)).status == 202
        gone(repository.client, repository.manifest(image.digest), "MANIFEST_UNKNOWN")
    repository.tag("latest", repository.image())
    for _ in range(3):
        assert repository.client.delete(repository.manifest("latest")).status == 202
        gone(repository.client, repository.manifest("latest"), "MANIFEST_UNKNOWN")
        repository.tag("latest", repository.image())


@pytest.mark.parametrize("kind", ["tag", "digest", "blob"])
def test_what_never_was(repository: Repository, client: Client, kind: str) -> None:
    reference = {"tag": "latest", "digest": "sha256:" + "0" * 64, "blob": "sha256:" + "0" * 64}[kind]
    urls = [Repository(client, name) for name in (repository.name, "never/was")]
    repository.push(b"so that the first one exists")
    for target in urls:
        response = client.delete(target.url("blobs" if kind == "blob" else "manifests", reference))
        assert response.status == 404
        assert response.code in ("BLOB_UNKNOWN" if kind == "blob" else "MANIFEST_UNKNOWN", "NAME_UNKNOWN")


def test_a_digest_is_not_a_tag_and_the_reverse(repository: Repository) -> None:
    image = repository.tag("latest", repository.image())
    lookalike = image.digest.replace(":", "-")
    assert repository.client.delete(repository.manifest(lookalike)).status == 404
    assert repository.client.delete(repository.blob(image.digest)).status == 404
    assert repository.client.get(repository.manifest("latest")).status == 200


def test_a_manifest_is_not_a_blob(repository: Repository) -> None:
    image = repository.tag("latest", repository.image())
    assert repository.client.get(repository.blob(image.digest)).status == 404
    digest = repository.push(b'{"a": "blob"}')
    assert repository.client.get(repository.manifest(digest)).status == 404


def test_a_body_with_a_delete_is_harmless(repository: Repository) -> None:
    repository.tag("latest", repository.image())
    response = repository.client.request("DELETE", repository.manifest("latest"), {}, b"body" * 10)
    assert response.status == 202
    assert repository.client.get("/v2/").status == 200


def test_through_every_way_of_reading(repository: Repository, client: Client) -> None:
    """A deleted manifest is in no answer, and in all of them again when it is pushed again; its blobs are untouched."""
    subject = repository.tag("subject", repository.image("subject"))
    linked = repository.artifact(subject.descriptor(), "text/linked")
    listed = repository.artifact(None, "text/listed")
    algorithm, _, hexadecimal = subject.digest.partition(":")
    fallback = manifest_of(index_document([listed.descriptor()]))
    layer = json.loads(linked.payload)["layers"][0]["digest"]
    other = new_repository(client)

    def referrers(query: str = "") -> set[str]:
        document = client.get(f"/v2/{repository.name}/referrers/{subject.digest}{query}").json()
        return {entry["digest"] for entry in document["manifests"]}

    def seen(of: Manifest) -> list[object]:
        urls = [repository.manifest(reference) for reference in ("one", "two", of.digest)]
        kind = json.loads(of.payload)["artifactType"]
        conditional = {"If-None-Match": f'"{of.digest}"'}
        return [
            *(client.get(url).status for url in urls),
            *(client.head(url).status for url in urls),
            *(client.get(url, conditional).status for url in urls),
            {"one", "two"} & set(repository.tags().json()["tags"]),
            {name for start in "nt" for name in repository.tags(f"?n=1&last={start}").json()["tags"]} & {"one", "two"},
            of.digest in referrers(),
            of.digest in referrers(f"?artifactType={kind}"),
            of.digest in referrers("?n=1000&last=sha256:"),
            client.head(repository.blob(of.digest)).status,
        ]

    there = [*[200] * 6, *[304] * 3, {"one", "two"}, {"one", "two"}, True, True, True, 404]
    gone = [*[404] * 9, set(), set(), False, False, False, 404]
    for artifact in (linked, listed):
        repository.tag(f"{algorithm}-{hexadecimal}", fallback)
        for _ in range(2):
            for tag in ("one", "two"):
                repository.tag(tag, artifact)
            assert seen(artifact) == there
            assert client.delete(repository.manifest(artifact.digest)).status == 202
            assert seen(artifact) == gone
            assert client.head(repository.blob(layer)).status == 200
            target = other.uploads + f"?mount={layer}&from={repository.name}"
            assert client.post(target).status == 201
            assert client.delete(other.blob(layer)).status == 202
    assert repository.name in client.get("/v2/_catalog").json()["repositories"]


def test_a_repository_without_anything_left(repository: Repository, client: Client) -> None:
    """It is gone from the catalog with its last manifest and blob, and back with the next."""

    def in_catalog() -> bool:
        names: list[str] = client.get(f"/v2/_catalog?n=2&last={repository.name[:-1]}").json()["repositories"]
        return repository.name in names

    for _ in range(2):
        image = repository.tag("latest", repository.image())
        document = json.loads(image.payload)
        assert in_catalog()
        assert client.delete(repository.manifest(image.digest)).status == 202
        for part in (document["config"], *document["layers"]):
            assert in_catalog()
            assert client.delete(repository.blob(part["digest"])).status == 202
        assert not in_catalog()
        assert repository.tags().code == "NAME_UNKNOWN"
