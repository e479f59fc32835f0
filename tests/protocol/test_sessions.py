"""Sessions among others: two writers on one, expiry, and how many a client may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.protocol.client import Response, encode
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query
from tests.protocol.server import Server, running, wait_until

DATA = noise(1_500_000, "sessions")
DIGEST = digest_of(DATA)


@pytest.fixture(scope="module", params=["1", "2"], ids=["one worker", "two workers"])
def shared(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("sessions"), {"ENTREPOT_SERVER_WORKERS": request.param}) as server:
        yield server


@pytest.fixture
def contested(shared: Server) -> Repository:
    return new_repository(shared.client)


def is_clean_refusal(response: Response) -> bool:
    return 400 <= response.status < 500 and response.code in ("RANGE_INVALID", "BLOB_UPLOAD_INVALID", "TOOMANYREQUESTS")


def test_two_chunks_at_once(contested: Repository) -> None:
    """The same chunk twice: one is taken, the other refused, and the blob is right."""
    for _ in range(4):
        location = contested.start()
        headers = OCTETS | {"Content-Range": f"0-{len(DATA) - 1}"}

        def patch(location: str = location, headers: dict[str, str] = headers) -> Response:
            with contested.client.connect() as connection:
                return connection.request("PATCH", location, headers, DATA)

        taken, refused = sorted(contested.client.together([patch, patch]), key=lambda response: response.status)
        assert taken.status == 202, (taken, refused)
        assert is_clean_refusal(refused), refused
        status = contested.client.get(location)
        assert status.header("range") == f"0-{len(DATA) - 1}"
        assert contested.close(location, DIGEST).status == 201
        assert contested.client.get(contested.blob(DIGEST)).body == DATA


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


def test_two_closings_at_once(contested: Repository) -> None:
    for _ in range(4):
        location = contested.client.patch(contested.start(), DATA, OCTETS).header("location")

        def close(location: str = location) -> Response:
            with contested.client.connect() as connection:
                return connection.request("PUT", with_query(location, digest=DIGEST), OCTETS, b"")

        first, second = sorted(contested.client.together([close, close]), key=lambda response: response.status)
        assert first.status == 201, (first, second)
        assert second.status == 404 or is_clean_refusal(second), second
        assert contested.client.get(contested.blob(DIGEST)).body == DATA


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
    assert server.client.delete(locations[0]).status == 204
    locations[0] = repository.start()
    assert server.client.post(new_repository(server.client).uploads).status == 429
    assert repository.close(locations[1], DIGEST, DATA, OCTETS).status == 201
    assert repository.start()
    # What holds no session is not refused.
    assert repository.push(b"in one request")
