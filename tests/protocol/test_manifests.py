"""Manifests that are taken: every kind, byte for byte, by tag and by digest."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.protocol.content import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Json,
    Manifest,
    Repository,
    descriptor,
    digest_of,
    image_document,
    index_document,
    manifest_of,
    new_repository,
    noise,
)


def is_served(repository: Repository, manifest: Manifest, *references: str) -> None:
    """GET and HEAD give exactly what was pushed."""
    for reference in references:
        algorithm = reference.partition(":")[0] if ":" in reference else "sha256"
        for accept in ({"Accept": manifest.media_type}, {"Accept": "text/html"}, {"Accept": "*/*"}, {}):
            response = repository.client.get(repository.manifest(reference), accept)
            assert response.status == 200
            assert response.body == manifest.payload
            assert response.header("content-type") == manifest.media_type
            assert response.header("docker-content-digest") == digest_of(manifest.payload, algorithm)


def put(repository: Repository, manifest: Manifest, reference: str = "latest") -> None:
    response = repository.put(reference, manifest)
    assert response.status == 201, response
    assert response.header("docker-content-digest") == manifest.digest
    assert response.header("location") == repository.manifest(manifest.digest)
    assert repository.client.get(response.header("location")).body == manifest.payload


def test_by_tag_and_by_digest(repository: Repository) -> None:
    image = repository.image()
    put(repository, image)
    is_served(repository, image, "latest", image.digest)
    other = repository.image("other")
    put(repository, other, other.digest)
    is_served(repository, other, other.digest)
    assert repository.tags().json()["tags"] == ["latest"]


def test_docker_media_types(repository: Repository) -> None:
    config, layer = b'{"docker": true}', noise(500, "docker")
    repository.push(config)
    repository.push(layer)
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": descriptor(config, DOCKER_CONFIG),
        "layers": [descriptor(layer, DOCKER_LAYER)],
    }
    image = manifest_of(document)
    put(repository, image)
    listed = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [image.descriptor()]}
    put(repository, manifest_of(listed), "list")
    is_served(repository, image, "latest", image.digest)
    is_served(repository, manifest_of(listed), "list")


def test_indexes_nested_and_sparse_and_empty(repository: Repository) -> None:
    image = repository.tag("latest", repository.image())
    index = repository.tag("index", manifest_of(index_document([image.descriptor(platform={"os": "linux"})])))
    nested = manifest_of(index_document([index.descriptor(), image.descriptor()]))
    sparse = manifest_of(index_document([image.descriptor(), descriptor(b"never pushed", OCI_MANIFEST)]))
    empty = manifest_of(index_document([]))
    for tag, manifest in (("nested", nested), ("sparse", sparse), ("empty", empty)):
        put(repository, manifest, tag)
        is_served(repository, manifest, tag, manifest.digest)


def test_children_by_digests_of_another_time(repository: Repository) -> None:
    """The image specification wants unknown algorithms to pass where nothing has to be verified."""
    child = descriptor(b"x", OCI_MANIFEST) | {"digest": "blake3:" + "0" * 64}
    put(repository, manifest_of(index_document([child])))


def test_artifacts(repository: Repository) -> None:
    repository.push(b"{}")
    empty = descriptor(b"{}", OCI_EMPTY)
    for tag, document in (
        ("typed", image_document(empty, [empty], artifactType="application/vnd.test")),
        ("bare", image_document(empty, [])),
        ("inline", image_document(empty | {"data": "e30="}, [empty | {"data": "e30="}])),
        ("annotated", image_document(empty, [empty], annotations={"a": "b", "é": "\u2603"})),
    ):
        put(repository, manifest_of(document), tag)
        is_served(repository, manifest_of(document), tag)


def test_layers_that_live_elsewhere(repository: Repository) -> None:
    config = b"{}"
    repository.push(config)
    away = [
        descriptor(b"1", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
        descriptor(
            b"2", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=["https://elsewhere.test/2"]
        ),
    ]
    put(repository, manifest_of(image_document(descriptor(config, OCI_CONFIG), away)))


def document_of(repository: Repository) -> Json:
    document = json.loads(repository.image("exact").payload)
    assert isinstance(document, dict)
    return document


def test_every_byte_is_kept(repository: Repository) -> None:
    document = document_of(repository)
    exact = json.dumps(document)
    custom = document | {
        "io.test.custom": {"nested": [1, 2.50, 1e10, -0, None, True, {"z": 1, "a": 2}]},
        "large": 123456789012345678901234567890,
        "text": "\u2028 \U0001f40b \\u0000",
    }
    for number, payload in enumerate((
        exact.encode(),
        (exact + "\n").encode(),
        ("\n\t " + exact.replace(",", " ,\r\n ") + " \t\r\n").encode(),
        json.dumps(document, separators=(",", ":")).encode(),
        json.dumps(dict(reversed(document.items())), indent="\t").encode(),
        json.dumps(custom).encode(),
        json.dumps(custom, ensure_ascii=False, indent=7).encode(),
        exact.replace("mediaType", "media\\u0054ype", 1).encode(),
        exact.replace("/", "\\/").encode(),
    )):  # fmt: skip
        manifest = Manifest(payload, OCI_MANIFEST)
        put(repository, manifest, f"exact-{number}")
        is_served(repository, manifest, f"exact-{number}", manifest.digest)


def test_content_type(repository: Repository) -> None:
    """Parameters are ignored; without a mediaType in the body the header says what it is, and the reverse."""
    image = repository.image()
    url = repository.manifest("latest")
    for header in (f"{OCI_MANIFEST}; charset=utf-8", f"{OCI_MANIFEST};v=1", OCI_MANIFEST.upper()):
        assert repository.client.put(url, image.payload, {"Content-Type": header}).status in (201, 400), header
        if header.islower():
            is_served(repository, image, "latest")
    assert repository.client.put(url, image.payload).status == 201
    is_served(repository, image, "latest")
    document = json.loads(image.payload)
    del document["mediaType"]
    untyped = Manifest(json.dumps(document).encode(), OCI_MANIFEST)
    put(repository, untyped, "untyped")
    is_served(repository, untyped, "untyped")


def test_four_megabytes(repository: Repository) -> None:
    """Registries should take manifests of at least 4 MB; the limit is 4 MiB exactly."""
    document = document_of(repository)
    document["annotations"] = {"filling": ""}
    bare = json.dumps(document).encode()
    document["annotations"] = {"filling": "x" * (4 * 1024 * 1024 - len(bare))}
    largest = Manifest(json.dumps(document).encode(), OCI_MANIFEST)
    assert len(largest.payload) == 4 * 1024 * 1024
    put(repository, largest)
    is_served(repository, largest, "latest")


def test_sha512(repository: Repository) -> None:
    image = repository.image("sha512")
    long = digest_of(image.payload, "sha512")
    response = repository.put(long, image)
    assert response.status == 201
    assert response.header("docker-content-digest") == long
    assert response.header("location") == repository.manifest(long)
    is_served(repository, image, long)
    response = repository.client.put(
        repository.manifest(long) + "?tag=one&tag=two", image.payload, {"Content-Type": OCI_MANIFEST}
    )
    assert response.status == 201
    got = repository.client.get(repository.manifest("two"))
    assert got.body == image.payload
    assert got.header("docker-content-digest") == long
    assert repository.client.delete(repository.manifest(long)).status == 202
    assert repository.client.head(repository.manifest(long)).status == 404


def test_sha512_beside_sha256(repository: Repository) -> None:
    image = repository.tag("latest", repository.image("both"))
    long = digest_of(image.payload, "sha512")
    assert repository.put(long, image).status == 201
    is_served(repository, image, "latest", image.digest, long)


@pytest.mark.parametrize("count", [1, 2, 10, 50])
def test_tags_in_the_query(repository: Repository, count: int) -> None:
    image = repository.image()
    tags = [f"v1.{number}" for number in range(count)]
    query = "&".join(f"tag={tag}" for tag in tags)
    response = repository.client.put(
        f"{repository.manifest(image.digest)}?{query}", image.payload, {"Content-Type": OCI_MANIFEST}
    )
    assert response.status == 201
    answered = [tag.strip() for value in response.all("oci-tag") for tag in value.split(",")]
    assert sorted(answered) == sorted(tags)
    is_served(repository, image, *tags[:3], image.digest)
    assert sorted(repository.tags().json()["tags"]) == sorted(tags)


def test_a_bad_tag_in_the_query_stores_nothing(repository: Repository) -> None:
    image = repository.image()
    for query in ("tag=good&tag=-bad", "tag=good&tag=a%2Fb", "tag=good&tag=", "tag=good&tag=" + "x" * 129):
        response = repository.client.put(
            f"{repository.manifest(image.digest)}?{query}", image.payload, {"Content-Type": OCI_MANIFEST}
        )
        assert (response.status, response.code) == (400, "TAG_INVALID")
        assert repository.client.head(repository.manifest(image.digest)).status == 404
        assert repository.client.head(repository.manifest("good")).status == 404


def test_a_tag_moves(repository: Repository) -> None:
    one = repository.tag("latest", repository.image("one"))
    two = repository.tag("latest", repository.image("two"))
    is_served(repository, two, "latest", two.digest)
    is_served(repository, one, one.digest)
    put(repository, one)
    put(repository, one)
    is_served(repository, one, "latest")


def test_odd_but_valid_tags(repository: Repository) -> None:
    image = repository.image()
    for tag in ("a", "_", "0", "A.B-c_d", "x" * 128, "sha256-" + "0" * 64, "list", "uploads"):
        repository.tag(tag, image)
        is_served(repository, image, tag)


def test_the_same_manifest_in_two_repositories(repository: Repository) -> None:
    other = new_repository(repository.client)
    image = repository.tag("latest", repository.image("shared"))
    other.image("shared")
    assert other.client.head(other.manifest(image.digest)).status == 404
    other.tag("latest", image)
    assert repository.client.delete(repository.manifest(image.digest)).status == 202
    is_served(other, image, "latest", image.digest)


def test_many_writers(repository: Repository) -> None:
    images = [repository.image(number) for number in range(4)]

    def push(number: int) -> int:
        return repository.put(f"tag-{number}", images[number % 4]).status

    assert set(repository.client.together([partial(push, number) for number in range(80)], at_once=8)) == {201}
    assert len(repository.tags().json()["tags"]) == 80


def test_layer_media_types_are_free(repository: Repository) -> None:
    config, layer = b'{"a": 1}', noise(300, "free")
    for data in (config, layer):
        repository.push(data)
    for media_type in (
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "text/plain",
        OCI_LAYER,
        "application/x-test+json",
    ):
        image = manifest_of(image_document(descriptor(config, media_type), [descriptor(layer, media_type)]))
        put(repository, image)
    assert OCI_INDEX not in repository.client.get(repository.manifest("latest")).header("content-type")
