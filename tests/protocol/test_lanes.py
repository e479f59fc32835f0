"""Requests may be answered by a short way or by the long one; nobody can tell which from the answer."""

from __future__ import annotations

import pytest

from tests.protocol.client import Response
from tests.protocol.content import OCI_MANIFEST, Repository, digest_of, index_document, manifest_of, noise
from tests.protocol.server import Server

LONG_WAY = {"X-Request-Id": "the-long-way"}
"""A header that changes nothing but the id that is echoed, and that the short way does not take."""


def comparable(response: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """Everything but the time and the id of the request."""
    headers = sorted(pair for pair in response.headers if pair[0] not in ("date", "x-request-id"))
    assert response.get("date")
    assert response.get("x-request-id")
    return response.status, headers, response.body


@pytest.fixture
def targets(repository: Repository) -> list[str]:
    image = repository.tag("latest", repository.image())
    index = repository.tag("index", manifest_of(index_document([image.descriptor()])))
    repository.put(digest_of(image.payload, "sha512"), image)
    blobs = [repository.push(noise(size, size), algorithm) for size in (0, 1, 5000, 65536, 65537, 300_000)
             for algorithm in ("sha256", "sha512")]  # fmt: skip
    deleted = repository.push(b"deleted")
    repository.client.delete(repository.blob(deleted))
    nothing = "sha256:" + "0" * 64
    references = ["latest", "index", image.digest, index.digest, digest_of(image.payload, "sha512"), "missing", nothing]
    return [
        *(repository.manifest(reference) for reference in references),
        *(repository.blob(digest) for digest in (*blobs, nothing, deleted, image.digest)),
        repository.manifest("-bad"),
        repository.blob("sha256:bad"),
        repository.blob(blobs[2].replace(":", "%3A")),
        "/v2/never/was/manifests/latest",
        f"/v2/never/was/blobs/{nothing}",
        f"/v2/UPPER/blobs/{nothing}",
        f"/v2/{repository.name}/tags/list",
        "/v2/",
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers_are_the_same(repository: Repository, targets: list[str], method: str) -> None:
    with repository.client.connect() as connection:
        for target in targets:
            for accept in ({}, {"Accept": OCI_MANIFEST, "User-Agent": "test", "Accept-Encoding": "gzip"}):
                short = connection.request(method, target, accept)
                long = connection.request(method, target, accept | LONG_WAY)
                assert comparable(short) == comparable(long), target
                assert long.header("x-request-id") == "the-long-way"


def test_damage_is_seen_on_both(server: Server, repository: Repository) -> None:
    for number, headers in enumerate(({}, LONG_WAY)):
        digest = repository.push(noise(3000, ("lane", repository.name, number)))
        server.blob_file(digest).write_bytes(b"")
        assert repository.client.get(repository.blob(digest), headers).status == 404
        assert repository.client.head(repository.blob(digest), headers).status == 404
