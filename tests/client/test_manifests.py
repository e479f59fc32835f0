"""Manifests: verified when they come, whatever the server says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.client.client import Client
from registry.client.distribution import Fetched
from registry.client.errors import ClientError, DigestMismatch, InvalidAnswer, InvalidName, NotFound, TooLarge
from registry.oci.descriptor import Descriptor
from tests.client.debian import docker_registry
from tests.client.pushed import QUICK, push_image
from tests.client.scripted import Asked, Reply, scripted
from tests.protocol.content import OCI_INDEX, OCI_MANIFEST, descriptor, digest_of, image_document, index_document

DOCUMENT = image_document(descriptor(b"{}", "application/vnd.oci.image.config.v1+json"), [])
PAYLOAD = json.dumps(DOCUMENT).encode()
DIGEST = digest_of(PAYLOAD)
UNTYPED = json.dumps({name: value for name, value in DOCUMENT.items() if name != "mediaType"}).encode()
INDEX = json.dumps(index_document([])).encode()


def answers(payload: bytes, kind: str = OCI_MANIFEST, digest: str = "") -> Callable[[Asked], Reply]:
    headers = [("Content-Type", kind)] * bool(kind) + [("Docker-Content-Digest", digest)] * bool(digest)
    return lambda _: Reply(200, payload, headers)


def test_both_registries(client: Client, name: str, tmp_path: Path) -> None:
    with docker_registry(tmp_path) as port:
        for each in (client, Client(f"127.0.0.1:{port}")):
            pushed = push_image(each, name, "v1")
            expected = Fetched(pushed.media_type, pushed.digest, pushed.payload)
            assert each.manifest(name, "v1") == each.manifest(name, pushed.digest) == expected
            told = Descriptor(pushed.media_type, pushed.digest, len(pushed.payload))
            assert each.head_manifest(name, "v1") == each.head_manifest(name, pushed.digest) == told
            with pytest.raises(NotFound, match=f"{name}:nope"):
                each.manifest(name, "nope")
            with pytest.raises(NotFound):
                each.head_manifest(name, "nope")
            each.delete_manifest(name, pushed.digest)
            with pytest.raises(NotFound):
                each.manifest(name, "v1")


def test_a_tag_goes_and_its_manifest_stays(client: Client, name: str) -> None:
    pushed = push_image(client, name, "v1")
    client.delete_tag(name, "v1")
    assert client.manifest(name, pushed.digest).payload == pushed.payload
    with pytest.raises(NotFound):
        client.delete_tag(name, "v1")


BELIEVED = {
    "as it should be": (PAYLOAD, OCI_MANIFEST, OCI_MANIFEST),
    "a parameter": (PAYLOAD, f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST),
    "a type of any file": (PAYLOAD, "application/octet-stream", OCI_MANIFEST),
    "no type outside": (PAYLOAD, "", OCI_MANIFEST),
    "no type inside": (UNTYPED, OCI_MANIFEST, OCI_MANIFEST),
    "no type at all": (UNTYPED, "", OCI_MANIFEST),
    "an index": (INDEX, OCI_INDEX, OCI_INDEX),
}


@pytest.mark.parametrize("case", BELIEVED)
def test_believed(case: str) -> None:
    payload, outside, media_type = BELIEVED[case]
    with scripted(answers(payload, outside)) as server:
        found = Client(server.host, plain_http=True).manifest("a", "v1")
        assert found == Fetched(media_type, digest_of(payload), payload)
        told = Client(server.host, plain_http=True).head_manifest("a", "v1")
        assert told == Descriptor(media_type, digest_of(payload), len(payload))
        assert OCI_INDEX in server.asked[0].headers["accept"]


NOT_BELIEVED: dict[str, tuple[bytes, str, str, type[ClientError]]] = {
    "another type inside": (PAYLOAD, OCI_INDEX, "", InvalidAnswer),
    "both in one": (json.dumps(DOCUMENT | {"manifests": []}).encode(), OCI_MANIFEST, "", InvalidAnswer),
    "another digest in the header": (PAYLOAD, OCI_MANIFEST, digest_of(b"x"), DigestMismatch),
    "no digest in the header": (PAYLOAD, OCI_MANIFEST, "sha256:1", InvalidAnswer),
    "schema 1": (b'{"schemaVersion":1,"fsLayers":[]}', "", "", InvalidAnswer),
    "no JSON": (b"<html>", OCI_MANIFEST, "", InvalidAnswer),
    "nothing": (b"", OCI_MANIFEST, "", InvalidAnswer),
    "too large": (b" " * (8 << 20) + b" ", OCI_MANIFEST, "", TooLarge),
}


@pytest.mark.parametrize("case", NOT_BELIEVED)
def test_not_believed(case: str) -> None:
    payload, outside, told, error = NOT_BELIEVED[case]
    with scripted(answers(payload, outside, told)) as server, pytest.raises(error):
        Client(server.host, plain_http=True).manifest("a", "v1")


def test_asked_by_digest() -> None:
    """The digest asked for is what counts; one of another algorithm is as good."""
    long = digest_of(PAYLOAD, "sha512")
    with scripted(answers(PAYLOAD, digest=DIGEST)) as server:
        client = Client(server.host, plain_http=True)
        assert client.manifest("a", long).digest == long
        assert client.manifest("a", DIGEST).digest == DIGEST
        for other in (digest_of(b"x"), digest_of(b"x", "sha512")):
            with pytest.raises(DigestMismatch):
                client.manifest("a", other)
        with pytest.raises(InvalidAnswer):
            client.head_manifest("a", digest_of(b"x"))


def test_a_drop_in_its_middle() -> None:
    sent = iter((10, 200))

    def answer(_: Asked) -> Reply:
        return Reply(200, PAYLOAD, [("Content-Type", OCI_MANIFEST)], next(sent, None))

    with scripted(answer) as server:
        assert Client(server.host, plain_http=True, retry=QUICK).manifest("a", "v1").payload == PAYLOAD
        assert len(server.asked) == 3


def test_pushed_under_its_digest(client: Client, name: str) -> None:
    pushed = push_image(client, name, "v1")
    for algorithm in ("sha256", "sha512"):
        digest = digest_of(pushed.payload, algorithm)
        assert client.push_manifest(name, digest, pushed.payload, pushed.media_type) == digest
        assert client.manifest(name, digest).payload == pushed.payload
    with pytest.raises(DigestMismatch):
        client.push_manifest(name, digest_of(b"x"), pushed.payload, pushed.media_type)


@pytest.mark.parametrize(
    ("name", "reference"), [("A", "v1"), ("a/../b", "v1"), ("a", "v 1"), ("a", ""), ("a", "a/b"), ("a", "sha256:1")]
)
def test_no_names(name: str, reference: str) -> None:
    client = Client("registry.invalid")
    for call in (client.manifest, client.head_manifest):
        with pytest.raises(InvalidName):
            call(name, reference)
    with pytest.raises(InvalidName):
        client.push_manifest(name, reference, PAYLOAD, OCI_MANIFEST)
