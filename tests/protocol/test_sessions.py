"""Sessions among others: two writers on one, expiry, and how many a client may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.protocol.client import Headers, Response, encode
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query
from tests.protocol.server import Server, running, wait_until

DATA = noise(1_500_000, "sessions")
DIGEST = digest_of(DATA)
SIZES = [20_000, 600_000]
"""A chunk that a worker may keep in memory for a moment, and one that goes to disk as it comes."""
ROUNDS = 10
AT_ONCE = 5
"""Rounds under way: who asks for a session that is gone waits a second, as it may be another worker's still."""


@pytest.fixture(scope="module", params=["1", "2"], ids=["one worker", "two workers"])
def shared(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("sessions"), {"ENTREPOT_SERVER_WORKERS": request.param}) as server:
        yield server


@pytest.fixture
def contested(shared: Server) -> Repository:
    return new_repository(shared.client)


def fresh(repository: Repository, method: str, target: str, headers: Headers, body: bytes) -> Response:
    """A request over a connection of its own, so that any worker may take it."""
    with repository.client.connect() as connection:
        return connection.request(method, target, headers, body)


def is_clean_refusal(response: Response) -> bool:
    return 400 <= response.status < 500 and response.code in ("RANGE_INVALID", "BLOB_UPLOAD_INVALID", "TOOMANYREQUESTS")


@pytest.mark.parametrize("size", SIZES)
def test_two_chunks_at_once(contested: Repository, size: int) -> None:
    """The same chunk twice: one is taken, the other refused, and the blob is right."""
    data = noise(size, (contested.name, size))
    headers = OCTETS | {"Content-Range": f"0-{size - 1}"}
    for _ in range(ROUNDS):
        location = contested.start()
        patch = partial(fresh, contested, "PATCH", location, headers, data)
        taken, refused = sorted(contested.client.together([patch, patch]), key=lambda response: response.status)
        assert taken.status == 202, (taken, refused)
        assert is_clean_refusal(refused), refused
        status = contested.client.get(location)
        assert status.header("range") == f"0-{size - 1}"
        assert contested.close(location, digest_of(data)).status == 201
        assert contested.client.get(contested.blob(digest_of(data))).body == data
        contested.client.delete(contested.blob(digest_of(data)))


def test_a_chunk_while_another_is_on_its_way(contested: Repository) -> None:
    location = contested.start()
    half = len(DATA) // 2
    with contested.client.connect() as slow:
        slow.send(encode("PATCH", location, OCTETS | {"Content-Length": str(len(DATA))}) + DATA[:half])
        wait_until(
            lambda: contested.client.get(location).header("range") != "0-0", 10, "the first chunk does not arrive"
        )
        for method, target in (("PATCH", location), ("PUT", with_query(location, digest=DIGEST)), ("DELETE", location)):
            with contested.client.connect() as other:
                response = other.request(method, target, OCTETS, DATA[:1000] if method != "DELETE" else None)
                assert is_clean_refusal(response), (method, response)
        slow.send(DATA[half:])
        assert slow.read().status == 202
    assert contested.close(location, DIGEST).status == 201
    assert contested.client.get(contested.blob(DIGEST)).body == DATA


@pytest.mark.parametrize("size", SIZES)
def test_two_closings_at_once(contested: Repository, size: int) -> None:
    """One closes the session; for the other it is busy or gone. Nothing is said of the content, which is right."""

    def once(number: int) -> None:
        data = noise(size, (contested.name, size, number))
        location = contested.client.patch(contested.start(), data, OCTETS).header("location")
        close = partial(fresh, contested, "PUT", with_query(location, digest=digest_of(data)), OCTETS, b"")
        first, second = sorted(contested.client.together([close, close]), key=lambda response: response.status)
        assert first.status == 201, (first, second)
        assert (second.status, second.code) == (404, "BLOB_UPLOAD_UNKNOWN") or is_clean_refusal(second), second
        assert contested.client.get(contested.blob(digest_of(data))).body == data
        assert contested.client.get(location).status == 404
        contested.client.delete(contested.blob(digest_of(data)))

    contested.client.together([partial(once, number) for number in range(ROUNDS)], AT_ONCE)


@pytest.mark.parametrize("size", SIZES)
def test_a_chunk_and_a_closing_at_once(contested: Repository, size: int) -> None:
    """A chunk that is acknowledged is part of the session; one that comes too late is told so."""

    def once(number: int) -> None:
        data, more = noise(size, (contested.name, size, number)), noise(size, "more")
        location = contested.client.patch(contested.start(), data, OCTETS).header("location")
        closed, patched = contested.client.together(
            [
                partial(fresh, contested, "PUT", with_query(location, digest=digest_of(data)), OCTETS, b""),
                partial(fresh, contested, "PATCH", location, OCTETS, more),
            ]
        )
        if closed.status == 201:
            assert patched.status == 404 or is_clean_refusal(patched), (closed, patched)
            assert contested.client.get(location).status == 404
        elif patched.status == 202:
            # Another digest now, or still being written when the closing came.
            assert closed.code in ("DIGEST_INVALID", "BLOB_UPLOAD_INVALID", "TOOMANYREQUESTS"), closed
        else:
            raise AssertionError(f"neither was taken: {closed} {patched}")
        contested.client.delete(contested.blob(digest_of(data)))

    contested.client.together([partial(once, number) for number in range(ROUNDS)], AT_ONCE)


def test_the_same_blob_from_many_at_once(contested: Repository) -> None:
    data = noise(200_000, "many")
    digest = digest_of(data)

    def push(number: int) -> int:
        with contested.client.connect() as connection:
            target = with_query(f"/v2/{contested.name}-{number % 3}/blobs/uploads/", digest=digest)
            return connection.request("POST", target, OCTETS, data).status

    assert set(contested.client.together([partial(push, number) for number in range(24)], at_once=8)) == {201}
    for number in range(3):
        assert contested.client.get(f"/v2/{contested.name}-{number}/blobs/{digest}").body == data


def test_expiry(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_UPLOADS_EXPIRE_AFTER="2s")
    repository = new_repository(server.client)
    idle = repository.client.patch(repository.start(), DATA, OCTETS).header("location")
    empty = repository.start()
    folder = server.root / "storage" / "docker" / "registry" / "v2" / "repositories" / repository.name / "_uploads"
    assert sum(path.stat().st_size for path in folder.rglob("data")) == len(DATA)

    def both_are_gone() -> bool:
        return {repository.client.get(location).status for location in (idle, empty)} == {404}

    wait_until(both_are_gone, 30, "the sessions do not expire", 0.5)
    for location in (idle, empty):
        assert repository.client.patch(location, b"x", OCTETS).code == "BLOB_UPLOAD_UNKNOWN"
    wait_until(lambda: not folder.exists() or not list(folder.iterdir()), 5, "the bytes of expired sessions stay")


def test_a_session_in_use_does_not_expire(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_UPLOADS_EXPIRE_AFTER="2s")
    repository = new_repository(server.client)
    location = repository.start()
    with server.client.connect() as connection:
        connection.send(encode("PATCH", location, OCTETS | {"Content-Length": "120000"}))
        for first in range(0, 120_000, 10_000):
            assert not connection.readable(0.5)
            connection.send(DATA[first : first + 10_000])
        assert connection.read().status in (202,)
    assert repository.close(location, digest_of(DATA[:120_000])).status == 201


def test_sessions_per_client(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_LIMITS_UPLOADS_PER_CLIENT="3")
    repository = new_repository(server.client)
    locations = [repository.start() for _ in range(3)]
    response = server.client.post(repository.uploads)
    assert response.status == 429
    assert response.code == "TOOMANYREQUESTS"
    assert int(response.header("retry-after")) > 0
    # Another address is only believed from a proxy that is trusted.
    assert server.client.post(repository.uploads, headers={"X-Forwarded-For": "192.0.2.7"}).status == 429
    assert server.client.delete(locations[0]).status == 204
    locations[0] = repository.start()
    assert server.client.post(new_repository(server.client).uploads).status == 429
    assert repository.close(locations[1], DIGEST, DATA, OCTETS).status == 201
    assert repository.start()
    # What holds no session is not refused.
    assert repository.push(b"in one request")


def test_sessions_of_clients_behind_a_proxy(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_LIMITS_UPLOADS_PER_CLIENT="2", ENTREPOT_SERVER_TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8")
    repository = new_repository(server.client)

    def statuses(chain: str) -> list[int]:
        return [server.client.post(repository.uploads, headers={"X-Forwarded-For": chain}).status for _ in range(3)]

    assert statuses("192.0.2.1") == [202, 202, 429]
    assert statuses("192.0.2.2, 10.1.2.3") == [202, 202, 429]
    # Whatever the client itself wrote in front is not its address.
    assert statuses("203.0.113.9, 192.0.2.2, 10.1.2.3") == [429, 429, 429]
    assert statuses("nonsense") == [202, 202, 429]
