"""Mounting blobs from other repositories."""

from __future__ import annotations

import pytest

from tests.protocol.client import Response
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query

DATA = noise(5000, "mount")


@pytest.fixture
def source(repository: Repository) -> Repository:
    repository.push(noise(5000, repository.name))
    return repository


@pytest.fixture
def target(source: Repository) -> Repository:
    return new_repository(source.client)


def content(source: Repository) -> tuple[bytes, str]:
    data = noise(5000, source.name)
    return data, digest_of(data)


def mount(target: Repository, digest: str, source: str | None = None) -> Response:
    query = {"mount": digest} | ({} if source is None else {"from": source})
    return target.client.post(with_query(target.uploads, **query), headers={"Content-Length": "0"})


def is_session(target: Repository, response: Response, data: bytes) -> None:
    """What cannot be mounted can be uploaded at once."""
    assert response.status == 202, response
    location = response.header("location")
    assert location.startswith(target.uploads)
    assert response.get("docker-content-digest") is None
    assert target.close(location, digest_of(data), data, OCTETS).status == 201


@pytest.mark.parametrize("named", [True, False], ids=["with from", "without from"])
def test_mount(source: Repository, target: Repository, named: bool) -> None:
    data, digest = content(source)
    assert target.client.head(target.blob(digest)).status == 404
    response = mount(target, digest, source.name if named else None)
    assert response.status == 201
    assert response.header("location") == target.blob(digest)
    assert response.header("docker-content-digest") == digest
    assert target.client.get(target.blob(digest)).body == data


def test_mount_again_and_from_itself(source: Repository, target: Repository) -> None:
    _, digest = content(source)
    for origin in (source.name, source.name, None, target.name):
        assert mount(target, digest, origin).status == 201


@pytest.mark.parametrize("origin", ["given", "unknown", None])
def test_mount_of_what_is_not_there(source: Repository, target: Repository, origin: str | None) -> None:
    data = noise(4000, ("nowhere", origin))
    name = {"given": source.name, "unknown": "no/such/repository", None: None}[origin]
    is_session(target, mount(target, digest_of(data), name), data)


def test_from_a_repository_without_it(source: Repository, target: Repository) -> None:
    """Another repository has the blob, the one that is named has not: mounted or not, the answer is true."""
    data, digest = content(source)
    empty = new_repository(source.client)
    empty.push(b"something else")
    response = mount(target, digest, empty.name)
    if response.status == 201:
        assert target.client.get(target.blob(digest)).body == data
    else:
        is_session(target, response, data)


@pytest.mark.parametrize(
    "name", ["localhost:5000/foo", "Pause", "../other", "a//b", "", "a" * 300, "caf\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
def test_from_what_is_no_name_here(source: Repository, target: Repository, name: str) -> None:
    """Clients take it from labels, which may be of another registry."""
    data, digest = content(source)
    is_session(target, mount(target, digest, name), data)


@pytest.mark.parametrize("digest", ["sha256:bad", "", "md5:" + "0" * 32, "sha256:" + "A" * 64, "latest", "x" * 5000])
def test_mount_of_what_is_no_digest(source: Repository, target: Repository, digest: str) -> None:
    is_session(target, mount(target, digest, source.name), b"pushed instead")


def test_mount_with_bad_escapes(target: Repository) -> None:
    for query in (
        "mount=%ff&from=a",
        f"mount={digest_of(DATA)}&from=%ff",
        f"mount={digest_of(DATA)}&from=%00",
        "mount=%zz",
    ):
        is_session(target, target.client.post(f"{target.uploads}?{query}"), DATA)


def test_deleted_at_the_source_stays_at_the_target(source: Repository, target: Repository) -> None:
    data, digest = content(source)
    assert mount(target, digest, source.name).status == 201
    assert source.client.delete(source.blob(digest)).status == 202
    assert source.client.head(source.blob(digest)).status == 404
    assert target.client.get(target.blob(digest)).body == data


def test_deleted_everywhere_is_not_mounted(source: Repository, target: Repository) -> None:
    data, digest = content(source)
    assert source.client.delete(source.blob(digest)).status == 202
    for origin in (source.name, None):
        is_session(target, mount(target, digest, origin), data)
        assert target.client.delete(target.blob(digest)).status == 202


def test_a_slash_in_from_may_be_written_either_way(source: Repository, target: Repository) -> None:
    _, digest = content(source)
    for name in (source.name, source.name.replace("/", "%2F")):
        response = target.client.post(f"{target.uploads}?mount={digest}&from={name}")
        assert response.status == 201
