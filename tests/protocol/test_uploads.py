"""Upload sessions as the specification has them: one request, two, many, their order, status and end."""

from __future__ import annotations

import re

import pytest

from tests.protocol.client import Client, Response
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query

DATA = noise(10_000, "uploads")
DIGEST = digest_of(DATA)


def span(first: int, last: int) -> dict[str, str]:
    return OCTETS | {"Content-Range": f"{first}-{last}"}


def is_stored(repository: Repository, data: bytes, created: Response, algorithm: str = "sha256") -> None:
    """The blob was acknowledged as the specification says and reads back whole."""
    digest = digest_of(data, algorithm)
    assert created.status == 201, created
    assert created.header("docker-content-digest") == digest
    location = created.header("location")
    assert location == repository.blob(digest)
    got = repository.client.get(location)
    assert got.status == 200
    assert got.body == data


def is_open(repository: Repository, response: Response, status: int, size: int) -> str:
    """The answer describes an open session of so many bytes; gives its location."""
    assert response.status == status, response
    assert response.header("range") == f"0-{max(size - 1, 0)}"
    location = response.header("location")
    assert location.startswith(repository.uploads)
    assert response.header("docker-upload-uuid") in location
    assert response.body == b""
    return location


def test_one_post(repository: Repository) -> None:
    is_stored(repository, DATA, repository.client.post(with_query(repository.uploads, digest=DIGEST), DATA, OCTETS))


def test_post_and_put(repository: Repository) -> None:
    opened = repository.client.post(repository.uploads)
    location = is_open(repository, opened, 202, 0)
    is_stored(repository, DATA, repository.close(location, DIGEST, DATA, OCTETS))


def test_post_with_content_length_zero(repository: Repository) -> None:
    response = repository.client.post(repository.uploads, headers={"Content-Length": "0"})
    is_open(repository, response, 202, 0)


def test_streamed_patch_and_empty_put(repository: Repository) -> None:
    location = repository.start()
    location = is_open(repository, repository.client.patch(location, DATA, OCTETS), 202, len(DATA))
    is_stored(repository, DATA, repository.close(location, DIGEST))


def test_chunks_with_content_range(repository: Repository) -> None:
    location = repository.start()
    for first in range(0, len(DATA), 3000):
        chunk = DATA[first : first + 3000]
        response = repository.client.patch(location, chunk, span(first, first + len(chunk) - 1))
        location = is_open(repository, response, 202, first + len(chunk))
        location = is_open(repository, repository.client.get(location), 204, first + len(chunk))
    is_stored(repository, DATA, repository.close(location, DIGEST))


def test_last_chunk_in_the_put(repository: Repository) -> None:
    for headers in (span(6000, 9999), OCTETS):
        fresh = new_repository(repository.client)
        location = fresh.client.patch(fresh.start(), DATA[:6000], span(0, 5999)).header("location")
        is_stored(fresh, DATA, fresh.close(location, DIGEST, DATA[6000:], headers))


def test_chunks_with_and_without_content_range_mix(repository: Repository) -> None:
    location = repository.start()
    for first, headers in ((0, OCTETS), (2500, span(2500, 4999)), (5000, OCTETS), (7500, span(7500, 9999))):
        response = repository.client.patch(location, DATA[first : first + 2500], headers)
        location = is_open(repository, response, 202, first + 2500)
    is_stored(repository, DATA, repository.close(location, DIGEST))


def test_content_type_is_not_needed(repository: Repository) -> None:
    location = repository.client.patch(repository.start(), DATA).header("location")
    is_stored(repository, DATA, repository.close(location, DIGEST))


def out_of_order(repository: Repository, response: Response, size: int) -> str:
    """The refusal of a chunk says where the session stands, and so does its status."""
    assert response.status == 416, response
    assert response.code == "RANGE_INVALID"
    assert response.header("range") == f"0-{max(size - 1, 0)}"
    location = response.header("location")
    return is_open(repository, repository.client.get(location), 204, size)


def test_a_chunk_out_of_order(repository: Repository) -> None:
    location = repository.start()
    location = out_of_order(repository, repository.client.patch(location, DATA[10:20], span(10, 19)), 0)
    location = repository.client.patch(location, DATA[:3000], span(0, 2999)).header("location")
    for first in (0, 2999, 3001, 6000):
        response = repository.client.patch(location, DATA[first : first + 1000], span(first, first + 999))
        location = out_of_order(repository, response, 3000)
    location = repository.client.patch(location, DATA[3000:], span(3000, 9999)).header("location")
    is_stored(repository, DATA, repository.close(location, DIGEST))


def test_a_closing_chunk_out_of_order(repository: Repository) -> None:
    location = repository.client.patch(repository.start(), DATA[:3000], span(0, 2999)).header("location")
    for first in (0, 2000, 4000):
        location = out_of_order(repository, repository.close(location, DIGEST, DATA[first:], span(first, 9999)), 3000)
    is_stored(repository, DATA, repository.close(location, DIGEST, DATA[3000:], span(3000, 9999)))


@pytest.mark.parametrize("value", ["0-8", "0-10", "5-0", "abc", "0-", "-9", "", "0-9-9", "bytes */10", "1e1-9"])
def test_a_content_range_that_does_not_fit(repository: Repository, value: str) -> None:
    location = repository.start()
    response = repository.client.patch(location, DATA[:10], OCTETS | {"Content-Range": value})
    assert response.status in (400, 416), response
    assert response.code in ("RANGE_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID")
    location = is_open(repository, repository.client.get(location), 204, 0)
    is_stored(repository, DATA, repository.close(location, DIGEST, DATA, OCTETS))


def test_status_of_a_fresh_session(repository: Repository) -> None:
    location = repository.start()
    response = repository.client.get(location)
    assert is_open(repository, response, 204, 0) == location


def test_the_session_is_a_uuid(repository: Repository) -> None:
    """The location must contain an unguessable session id."""
    one, two = repository.start(), repository.start()
    assert one != two
    assert re.search(r"[0-9a-f]{32}|[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", one)


def test_cancel(repository: Repository) -> None:
    for data in (b"", DATA):
        location = repository.start()
        if data:
            location = repository.client.patch(location, data, OCTETS).header("location")
        response = repository.client.delete(location, {"Content-Length": "0"})
        assert response.status == 204, response
        for gone in (
            repository.client.get(location),
            repository.client.patch(location, DATA, OCTETS),
            repository.close(location, DIGEST),
            repository.client.delete(location),
        ):
            assert gone.status == 404
            assert gone.code == "BLOB_UPLOAD_UNKNOWN"


def test_a_closed_session_is_gone(repository: Repository) -> None:
    location = repository.start()
    assert repository.close(location, DIGEST, DATA, OCTETS).status == 201
    assert repository.client.get(location).status == 404
    assert repository.client.patch(location, DATA, OCTETS).status == 404
    assert repository.close(location, DIGEST, DATA, OCTETS).status == 404


def test_sessions_that_never_were(repository: Repository) -> None:
    ids = ("00000000-0000-4000-8000-000000000000", "0" * 32, "x", "..", "%2e%2e", "..%2f..%2fetc", "a%00b", "x" * 2000)
    for upload in ids:
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            target = repository.uploads + upload + ("?digest=" + DIGEST if method == "PUT" else "")
            response = repository.client.request(method, target, OCTETS, b"data" if method[0] == "P" else None)
            assert response.status in (400, 404), (method, upload)


def test_a_session_belongs_to_its_repository(repository: Repository, client: Client) -> None:
    location = repository.client.patch(repository.start(), DATA, OCTETS).header("location")
    other = new_repository(client)
    other.push(b"the other repository exists")
    stolen = location.replace(repository.uploads, other.uploads)
    for response in (
        client.get(stolen),
        client.patch(stolen, b"x", OCTETS),
        other.close(stolen, DIGEST),
        client.delete(stolen),
    ):
        assert response.status == 404
        assert response.code == "BLOB_UPLOAD_UNKNOWN"
    assert client.head(other.blob(DIGEST)).status == 404
    is_stored(repository, DATA, repository.close(location, DIGEST))


def test_a_name_in_the_query_does_not_move_a_session(repository: Repository, client: Client) -> None:
    location = repository.start()
    assert client.get(with_query(location, name="other/name")).status == 204


def test_invalid_names(client: Client) -> None:
    for name in ("Upper/case", "a/../b", "a//../b", "Upper//case", "a" * 256, "-a", "é"):
        response = client.request("POST", f"/v2/{name}/blobs/uploads/".encode().decode("latin-1"))
        assert response.status in (400, 404), name
    response = client.post("/v2/Upper/blobs/uploads/")
    assert (response.status, response.code) == (400, "NAME_INVALID")


def test_slashes_too_many_are_redirected(repository: Repository, client: Client) -> None:
    """To a path of this registry, with the method kept, and nothing is begun before the client asks again."""
    for path in ("//v2/a/b/blobs/uploads/", "/v2/a//b/blobs/uploads/", "/v2//a///b/blobs//uploads/"):
        response = client.request("POST", path)
        assert (response.status, response.header("location")) == (308, "/v2/a/b/blobs/uploads/"), path
    assert client.request("POST", "//elsewhere.example/a/blobs/uploads/").status in (400, 404)
    location = repository.start()
    doubled = location.replace("/blobs/", "//blobs/")
    assert client.patch(doubled, DATA, OCTETS).header("location") == location
    assert client.get(location).header("range") == "0-0"


def test_pushing_what_is_there(repository: Repository) -> None:
    for _ in range(2):
        is_stored(repository, DATA, repository.client.post(with_query(repository.uploads, digest=DIGEST), DATA, OCTETS))
    location = repository.client.patch(repository.start(), DATA, OCTETS).header("location")
    is_stored(repository, DATA, repository.close(location, DIGEST))


def test_empty_patch_changes_nothing(repository: Repository) -> None:
    location = repository.start()
    for size in (0, 4000):
        if size:
            location = repository.client.patch(location, DATA[:size], OCTETS).header("location")
        location = is_open(repository, repository.client.patch(location, b"", OCTETS), 202, size)
    is_stored(repository, DATA, repository.close(location, DIGEST, DATA[4000:], OCTETS))


def test_many_small_chunks(repository: Repository) -> None:
    location = repository.start()
    for first in range(0, 2000, 20):
        location = repository.client.patch(location, DATA[first : first + 20], span(first, first + 19)).header(
            "location"
        )
    is_stored(repository, DATA[:2000], repository.close(location, digest_of(DATA[:2000])))


def test_large_upload_of_every_shape(repository: Repository) -> None:
    data = noise(3_000_000, "large upload")
    digest = digest_of(data)
    half = len(data) // 2
    one = new_repository(repository.client)
    is_stored(one, data, one.client.post(with_query(one.uploads, digest=digest), data, OCTETS))
    two = new_repository(repository.client)
    is_stored(two, data, two.close(two.start(), digest, data, OCTETS))
    three = new_repository(repository.client)
    location = three.client.patch(three.start(), data[:half], span(0, half - 1)).header("location")
    is_stored(three, data, three.close(location, digest, data[half:], span(half, len(data) - 1)))
