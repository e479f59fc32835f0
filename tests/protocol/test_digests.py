"""Digests: both algorithms, the ones that do not match, the ones that are none."""

from __future__ import annotations

import pytest

from tests.protocol.client import Client, Response
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query
from tests.protocol.server import Server
from tests.protocol.test_uploads import is_stored

DATA = noise(10_000, "digests")
WRONG = digest_of(b"something else")
MALFORMED = [
    "sha256:baddigeststring", "sha256:", "sha256", "", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha512:" + "0" * 64,
    "sha256:" + "A" * 64, "sha256:" + "g" * 64, "SHA256:" + "0" * 64, "../../etc/passwd", "sha256:../" + "0" * 61,
    "sha256:" + "0" * 64 + "\n", "sha256:" + "\u0660" * 64,
]  # fmt: skip
UNSUPPORTED = ["md5:" + "0" * 32, "sha384:" + "0" * 96, "blake3:" + "0" * 64, "sha1:" + "0" * 40]


def refused(response: Response, code: str = "DIGEST_INVALID") -> None:
    assert response.status == 400, response
    assert response.code == code


def test_sha512_that_is_announced(repository: Repository) -> None:
    digest = digest_of(DATA, "sha512")
    location = repository.start(digest_algorithm="sha512")
    location = repository.client.patch(location, DATA, OCTETS).header("location")
    is_stored(repository, DATA, repository.close(location, digest), "sha512")


def test_sha512_that_is_not_announced(repository: Repository) -> None:
    digest = digest_of(DATA, "sha512")
    one = repository.client.patch(repository.start(), DATA, OCTETS).header("location")
    is_stored(repository, DATA, repository.close(one, digest), "sha512")
    for chunked in (False, True):
        two = new_repository(repository.client)
        location = two.start()
        if chunked:
            location = two.client.patch(location, DATA[:5000], OCTETS).header("location")
        is_stored(two, DATA, two.close(location, digest, DATA[5000:] if chunked else DATA, OCTETS), "sha512")
    three = new_repository(repository.client)
    posted = three.client.post(with_query(three.uploads, digest=digest), DATA, OCTETS)
    is_stored(three, DATA, posted, "sha512")


def test_sha256_although_sha512_was_announced(repository: Repository) -> None:
    location = repository.start(digest_algorithm="sha512")
    location = repository.client.patch(location, DATA, OCTETS).header("location")
    is_stored(repository, DATA, repository.close(location, digest_of(DATA)))


def test_each_algorithm_answers_for_itself(repository: Repository) -> None:
    for algorithm in ("sha256", "sha512"):
        repository.push(DATA, algorithm)
    for algorithm in ("sha256", "sha512"):
        digest = digest_of(DATA, algorithm)
        for method in ("HEAD", "GET"):
            response = repository.client.request(method, repository.blob(digest))
            assert response.status == 200
            assert response.header("docker-content-digest") == digest
    assert repository.client.delete(repository.blob(digest_of(DATA))).status == 202
    assert repository.client.head(repository.blob(digest_of(DATA))).status == 404
    assert repository.client.head(repository.blob(digest_of(DATA, "sha512"))).status == 200


def test_mount_of_sha512(repository: Repository, client: Client) -> None:
    digest = repository.push(DATA, "sha512")
    other = new_repository(client)
    response = client.post(with_query(other.uploads, mount=digest, **{"from": repository.name}))
    is_stored(other, DATA, response, "sha512")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "blake3", "sha384", "SHA256", "nonsense", "sha256:abc"])
def test_unknown_algorithm(repository: Repository, algorithm: str) -> None:
    refused(repository.client.post(with_query(repository.uploads, digest_algorithm=algorithm)))


def test_announced_sha256(repository: Repository) -> None:
    location = repository.start(digest_algorithm="sha256")
    is_stored(repository, DATA, repository.close(location, digest_of(DATA), DATA, OCTETS))


def nothing_visible(server: Server, repository: Repository, data: bytes) -> None:
    """No digest of the data is served, and no file of its bytes lies among the blobs."""
    for algorithm in ("sha256", "sha512"):
        digest = digest_of(data, algorithm)
        assert repository.client.head(repository.blob(digest)).status == 404
        assert not server.blob_file(digest).exists()
    assert repository.client.head(repository.blob(WRONG)).status == 404
    assert not server.blob_file(WRONG).exists()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("shape", ["post", "put", "patch", "patch and put"])
def test_wrong_digest(server: Server, repository: Repository, shape: str, algorithm: str) -> None:
    data = noise(9000, (shape, algorithm))
    wrong = digest_of(b"something else", algorithm)
    if shape == "post":
        refused(repository.client.post(with_query(repository.uploads, digest=wrong), data, OCTETS))
    else:
        location, rest = repository.start(), data
        if shape != "put":
            cut = len(data) if shape == "patch" else 4000
            location = repository.client.patch(location, data[:cut], OCTETS).header("location")
            rest = data[cut:]
        refused(repository.close(location, wrong, rest, OCTETS))
        # The session is either gone or still good; it never turns into another blob.
        again = repository.close(location, wrong, b"", OCTETS)
        assert again.status in (400, 404)
    nothing_visible(server, repository, data)


def test_wrong_digest_of_a_manifest(repository: Repository) -> None:
    image = repository.image()
    refused(repository.put(WRONG, image))
    assert repository.client.head(repository.manifest(WRONG)).status == 404
    assert repository.client.head(repository.manifest(image.digest)).status == 404


@pytest.mark.parametrize("digest", MALFORMED + UNSUPPORTED)
def test_malformed_digest_on_push(repository: Repository, digest: str) -> None:
    refused(repository.client.post(with_query(repository.uploads, digest=digest), DATA, OCTETS))
    location = repository.client.patch(repository.start(), DATA, OCTETS).header("location")
    refused(repository.close(location, digest))
    # A digest that could not be read costs nothing: the right one closes the session.
    is_stored(repository, DATA, repository.close(location, digest_of(DATA)))


def test_put_without_digest(repository: Repository) -> None:
    location = repository.client.patch(repository.start(), DATA, OCTETS).header("location")
    refused(repository.client.put(location))
    is_stored(repository, DATA, repository.close(location, digest_of(DATA)))


@pytest.mark.parametrize("digest", ["sha256:baddigeststring", "sha256:" + "0" * 63, "md5:" + "0" * 32, "nonsense:x"])
def test_malformed_digest_on_read(repository: Repository, digest: str) -> None:
    repository.push(b"so that the repository exists")
    for kind in ("blobs", "manifests"):
        for method in ("GET", "HEAD", "DELETE"):
            response = repository.client.request(method, repository.url(kind, digest))
            assert response.status in (400, 404), (kind, method)
    refused(repository.referrers(digest))


def test_percent_encoded_colon(repository: Repository) -> None:
    digest = repository.push(DATA)
    assert repository.client.get(repository.blob(digest.replace(":", "%3A"))).body == DATA
    image = repository.tag("latest", repository.image())
    assert repository.client.get(repository.manifest(image.digest.replace(":", "%3a"))).body == image.payload


def test_empty_blob(repository: Repository) -> None:
    digest = digest_of(b"")
    one = repository
    is_stored(one, b"", one.client.post(with_query(one.uploads, digest=digest), b"", OCTETS))
    two = new_repository(repository.client)
    is_stored(two, b"", two.close(two.start(), digest))
    three = new_repository(repository.client)
    location = three.client.patch(three.start(), b"", OCTETS).header("location")
    is_stored(three, b"", three.close(location, digest))
    assert repository.client.get(one.blob(digest)).header("content-length") == "0"
    assert repository.client.head(one.blob(digest)).header("content-length") == "0"


def test_empty_body_is_no_free_blob(repository: Repository) -> None:
    refused(repository.client.post(with_query(repository.uploads, digest=digest_of(DATA)), b"", OCTETS))
    assert repository.client.head(repository.blob(digest_of(DATA))).status == 404
