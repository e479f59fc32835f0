"""Manifests that are not taken, each with its code, and nothing of them left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.protocol.client import Response, chunks, encode
from tests.protocol.content import (
    DOCKER_MANIFEST,
    OCI_CONFIG,
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
)
from tests.protocol.server import Server, running


def is_refused(
    repository: Repository, manifest: Manifest, code: str = "MANIFEST_INVALID", status: int = 400
) -> Response:
    """Refused by tag and by digest, and not there afterwards."""
    for reference in (manifest.digest, "latest"):
        response = repository.put(reference, manifest)
        assert response.status == status, response
        assert response.code == code
        assert repository.client.head(repository.manifest(reference)).status == 404
    return response


@pytest.fixture
def document(repository: Repository) -> Json:
    parsed = json.loads(repository.image("refused").payload)
    assert isinstance(parsed, dict)
    return parsed


def as_oci(payload: bytes) -> Manifest:
    return Manifest(payload, OCI_MANIFEST)


def test_media_type_differs_from_content_type(repository: Repository, document: Json) -> None:
    payload = json.dumps(document).encode()
    for content_type in (OCI_INDEX, DOCKER_MANIFEST, "application/vnd.test", "application/json", "text/plain"):
        is_refused(repository, Manifest(payload, content_type))


def test_unknown_media_types(repository: Repository, document: Json) -> None:
    for media_type in ("application/vnd.test", "text/html", "application/vnd.oci.image.manifest.v2+json"):
        is_refused(repository, manifest_of(document | {"mediaType": media_type}))


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b"42", b'"text"', b"true", b"{", b"{}}", b"not json", b"\xff\xfe{}", b"\xef\xbb\xbf{}",
     b"{}x", b"{'a': 1}", b'{"a": 1,}', b'{"a": "\xff"}', b'{"a": "\n"}', b'{"a": 01}', b'{"a": .5}', b"// x\n{}",
     b"\x00", b"{}"],
)  # fmt: skip
def test_not_json(repository: Repository, payload: bytes) -> None:
    is_refused(repository, as_oci(payload))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan"])
def test_numbers_that_are_none(repository: Repository, document: Json, number: str) -> None:
    text = json.dumps(document | {"x": "HERE"}).replace('"HERE"', number)
    is_refused(repository, as_oci(text.encode()))
    nested = json.dumps(document | {"x": [{"y": "HERE"}]}).replace('"HERE"', number)
    is_refused(repository, as_oci(nested.encode()))


def test_duplicate_keys(repository: Repository, document: Json) -> None:
    text = json.dumps(document)
    for extra in (
        '"mediaType": "application/vnd.oci.image.index.v1+json"',
        '"layers": []',
        f'"schemaVersion": {document["schemaVersion"]}',
        '"media\\u0054ype": "application/vnd.oci.image.index.v1+json"',
    ):
        is_refused(repository, as_oci((text[:-1] + "," + extra + "}").encode()))
        is_refused(repository, as_oci(("{" + extra + "," + text[1:]).encode()))
    deep = text.replace('"config": {', '"config": {"digest": "sha256:00", ')
    is_refused(repository, as_oci(deep.encode()))
    is_refused(repository, as_oci((text[:-1] + ', "x": {"a": 1, "a": 1}}').encode()))


@pytest.mark.parametrize("depth", [40, 1000, 100_000, 1_000_000])
def test_deep_nesting(repository: Repository, document: Json, depth: int) -> None:
    text = json.dumps(document | {"x": "HERE"})
    is_refused(repository, as_oci(text.replace('"HERE"', "[" * depth + "]" * depth).encode()))
    if depth <= 100_000:
        is_refused(repository, as_oci(text.replace('"HERE"', '{"a":' * depth + "1" + "}" * depth).encode()))
        is_refused(repository, as_oci(b"[" * depth))


def test_brackets_in_text_are_no_nesting(repository: Repository, document: Json) -> None:
    repository.tag("latest", manifest_of(document | {"x": "[" * 1000 + '{"' * 100}))


def test_schema_1(repository: Repository) -> None:
    payload = json.dumps({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "history": []}).encode()
    for kind in ("v1+json", "v1+prettyjws"):
        manifest = Manifest(payload, f"application/vnd.docker.distribution.manifest.{kind}")
        response = is_refused(repository, manifest)
        assert "schema" in response.json()["errors"][0]["message"].lower()
    is_refused(repository, Manifest(payload, DOCKER_MANIFEST))


def test_an_image_that_is_also_an_index(repository: Repository, document: Json) -> None:
    """CVE-2021-41190: one digest must not read as two things."""
    for manifests in ([], [descriptor(b"x", OCI_MANIFEST)]):
        is_refused(repository, manifest_of(document | {"manifests": manifests}))
    for key in ("layers", "config"):
        index = index_document([]) | {key: document[key]}
        is_refused(repository, manifest_of(index))


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": 1}, {"schemaVersion": "2"}, {"schemaVersion": None}, {"config": None}, {"config": []},
        {"config": {}}, {"layers": {}}, {"layers": "x"}, {"layers": [1]}, {"layers": [{}]}, {"layers": [None]},
        {"mediaType": 5}, {"mediaType": None}, {"annotations": []}, {"annotations": {"a": 1}}, {"artifactType": 7},
        {"subject": "sha256:00"}, {"subject": {}}, {"subject": {"digest": "bad"}}, {"subject": []},
    ],
)  # fmt: skip
def test_wrong_shapes(repository: Repository, document: Json, change: Json) -> None:
    manifest = Manifest(json.dumps(document | change).encode(), OCI_MANIFEST)
    response = repository.put("latest", manifest)
    if change in ({"mediaType": None}, {"config": None}) and response.status == 201:
        return  # null may stand for absent
    assert (response.status, response.code) == (400, "MANIFEST_INVALID"), response
    assert repository.client.head(repository.manifest("latest")).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "sha256:short"}, {"digest": "md5"}, {"digest": "a:"}, {"digest": 5}, {"digest": "../../etc/passwd"},
        {"size": -1}, {"size": "5"}, {"size": 1.5}, {"size": 2**63}, {"size": 10**40}, {"size": None}, {"size": True},
        {"mediaType": 1}, {"urls": "x"}, {"urls": [1]}, {"annotations": {"a": []}}, {"data": 5},
    ],
)  # fmt: skip
def test_wrong_descriptors(repository: Repository, document: Json, change: Json) -> None:
    good = document["layers"][0]
    for broken in (
        document | {"layers": [good | change]},
        document | {"config": document["config"] | change},
        index_document([good | {"mediaType": OCI_MANIFEST} | change]),
    ):
        response = repository.put("latest", manifest_of(broken))
        assert (response.status, response.code) == (400, "MANIFEST_INVALID"), (broken, response)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A server that wants every layer to be there."""
    with running(tmp_path_factory.mktemp("complete"), {"ENTREPOT_MANIFESTS_SPARSE": "false"}) as server:
        yield new_repository(server.client)


def unknown_blobs(response: Response) -> str:
    """The blobs that a refusal names."""
    return json.dumps(response.json()["errors"][0]["detail"])


def test_missing_config(repository: Repository, complete: Repository) -> None:
    gone = descriptor(b"gone", OCI_CONFIG)
    for target in (repository, complete):
        target.push(b"here")
        manifest = manifest_of(image_document(gone, [descriptor(b"here", OCI_LAYER)]))
        response = is_refused(target, manifest, "MANIFEST_BLOB_UNKNOWN", status=404)
        assert gone["digest"] in unknown_blobs(response)
        assert digest_of(b"here") not in unknown_blobs(response)


def test_missing_layers(repository: Repository, complete: Repository) -> None:
    """Taken by default, as the specification allows; refused by configuration. Missing children are always taken."""
    config, gone = descriptor(b"{}", OCI_CONFIG), descriptor(b"gone too", OCI_LAYER)
    sparse = manifest_of(image_document(config, [gone, gone]))
    for target in (repository, complete):
        target.push(b"{}")
    repository.tag("sparse", sparse)
    response = is_refused(complete, sparse, "MANIFEST_BLOB_UNKNOWN", status=404)
    assert unknown_blobs(response).count(gone["digest"]) == 1
    for target in (repository, complete):
        target.tag("index", manifest_of(index_document([descriptor(b"no such child", OCI_MANIFEST)])))


def test_blobs_of_another_repository_do_not_count(repository: Repository) -> None:
    image = repository.image("elsewhere")
    is_refused(new_repository(repository.client), image, "MANIFEST_BLOB_UNKNOWN", status=404)


def test_blobs_that_were_deleted_do_not_count(repository: Repository, document: Json) -> None:
    repository.client.delete(repository.blob(document["config"]["digest"]))
    is_refused(repository, manifest_of(document), "MANIFEST_BLOB_UNKNOWN", status=404)


def oversize(repository: Repository, extra: int = 1) -> Manifest:
    size = 4 * 1024 * 1024 + extra
    empty = image_document(descriptor(b"", OCI_CONFIG), [], annotations={"x": ""})
    filled = json.dumps(empty).replace('"x": ""', '"x": "' + "x" * (size - len(json.dumps(empty))) + '"')
    assert len(filled) == size
    repository.push(b"")
    return as_oci(filled.encode())


@pytest.mark.parametrize("extra", [1, 1_000_000])
def test_over_the_limit(repository: Repository, extra: int) -> None:
    manifest = oversize(repository, extra)
    response = repository.put("latest", manifest)
    assert (response.status, response.code) == (413, "SIZE_INVALID")
    headers = {"Content-Type": OCI_MANIFEST, "Transfer-Encoding": "chunked"}
    response = repository.client.put(repository.manifest("latest"), chunks(manifest.payload, 60_000), headers)
    assert (response.status, response.code) == (413, "SIZE_INVALID")
    assert repository.client.head(repository.manifest("latest")).status == 404


def test_over_the_limit_is_refused_before_it_is_sent(repository: Repository) -> None:
    headers = {"Content-Type": OCI_MANIFEST, "Content-Length": str(10**12)}
    with repository.client.connect() as connection:
        connection.send(encode("PUT", repository.manifest("latest"), headers) + b"{")
        response = connection.read()
        assert (response.status, response.code) == (413, "SIZE_INVALID")
        assert response.closes
        assert connection.ended()


def test_the_limit_is_a_setting(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_LIMITS_MANIFEST_SIZE="2KiB", ENTREPOT_LIMITS_JSON_DEPTH="5")
    repository = new_repository(server.client)
    image = repository.tag("latest", repository.image())
    assert repository.put("big", Manifest(image.payload + b" " * 2048, OCI_MANIFEST)).status == 413
    document = json.loads(image.payload)
    assert repository.put("deep", manifest_of(document | {"x": [[[[[1]]]]]})).code == "MANIFEST_INVALID"
    assert repository.put("shallow", manifest_of(document | {"x": [[1]]})).status == 201


def test_bad_references(repository: Repository) -> None:
    image = repository.image()
    for tag in (".hidden", "-dash", "a%20b", "a%2Fb", "x" * 129, "%C3%A9", "a@b", "%00", "a%0A"):
        response = repository.put(tag, image)
        assert response.status in (400, 404), tag
        assert response.code in ("TAG_INVALID", "MANIFEST_INVALID", "NAME_INVALID", "DIGEST_INVALID", "UNSUPPORTED"), (
            tag
        )
    response = repository.put(".hidden", image)
    assert (response.status, response.code) == (400, "TAG_INVALID")
    assert repository.tags().status == 200
    assert repository.tags().json()["tags"] == []


def test_a_digest_that_does_not_match(repository: Repository) -> None:
    image = repository.image()
    for reference in ("sha256:" + "0" * 64, digest_of(b"x", "sha512"), "sha256:0", "md5:" + "0" * 32):
        response = repository.put(reference, image)
        assert (response.status, response.code) == (400, "DIGEST_INVALID"), reference
