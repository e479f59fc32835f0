"""What one connection may cost: sizes of heads and bodies, and how long it may take over them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial

import pytest

from tests.protocol.client import Client, Closed, Connection, chunks, encode
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query
from tests.protocol.server import Server, running, wait_until

TIMEOUT = 1.0
SLACK = 4.0
"""How much longer than its limit a slow request may live on a busy machine."""


def refused(client: Client, request: bytes, *statuses: int) -> None:
    """Refused with one of the statuses, and the connection ended."""
    with client.connect() as connection:
        with suppress(OSError):  # it may be refused before all of it is sent
            connection.send(request)
        response = connection.read()
        assert response.status in statuses, response
        assert response.closes
        assert connection.ended()
    assert client.get("/v2/").status == 200


def test_many_headers(client: Client) -> None:
    def headers(count: int) -> list[tuple[str, str]]:
        return [(f"X-Header-{number}", "x") for number in range(count)]

    assert client.get("/v2/", headers(90)).status == 200
    refused(client, encode("GET", "/v2/", headers(101)), 431)
    refused(client, encode("GET", "/v2/", headers(10_000)), 431)


def test_large_headers(client: Client) -> None:
    assert client.get("/v2/", {"X-Large": "x" * 20_000}).status == 200
    refused(client, encode("GET", "/v2/", {"X-Large": "x" * 40_000}), 431)
    refused(client, encode("GET", "/v2/", {"X-Large": "x" * 3_000_000}), 431)
    refused(client, encode("GET", "/v2/", {f"X-{n}": "x" * 2000 for n in range(40)}), 431)
    refused(client, encode("GET", "/v2/", {"X" * 40_000: "x"}), 431)


def test_headers_that_never_end(client: Client) -> None:
    refused(client, b"GET /v2/ HTTP/1.1\r\nX: " + b"x" * 200_000, 431)


def test_long_request_lines(client: Client) -> None:
    assert client.get("/v2/_catalog?last=" + "a" * 6000).status in (200, 400)
    refused(client, encode("GET", "/v2/_catalog?last=" + "a" * 9000), 414)
    refused(client, encode("GET", "/" + "a" * 3_000_000), 414)
    refused(client, b"GET /" + b"a" * 200_000, 414)
    refused(client, encode("X" * 9000, "/v2/"), 400, 414)


def test_trailers_are_bounded(client: Client, repository: Repository) -> None:
    head = encode("PATCH", repository.start(), OCTETS | {"Transfer-Encoding": "chunked"})
    with client.connect(10) as connection, suppress(OSError, Closed):
        connection.send(head + b"1\r\nx\r\n0\r\n" + b"X-Trailer: x\r\n" * 100_000)
        connection.send(b"\r\n")
        assert connection.read().status in (202, 400, 431)
    assert client.get("/v2/").status == 200


def test_bodies_where_none_is_wanted(client: Client, repository: Repository) -> None:
    """A body that no handler reads must not be taken for ever."""
    repository.tag("latest", repository.image())
    for method, target in (("DELETE", repository.manifest("latest")), ("POST", repository.uploads), ("GET", "/v2/")):
        with client.connect(10) as connection:
            connection.send(encode(method, target, {"Content-Length": str(10**12)}))
            sent = 0
            with suppress(OSError):
                while sent < 64_000_000 and not connection.readable(0):
                    connection.send(b"x" * 65536)
                    sent += 65536
            assert sent < 64_000_000, f"{method} {target} takes any amount of body"
    assert client.get("/v2/").status == 200


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    variables = {
        "ENTREPOT_LIMITS_HEADER_TIMEOUT": f"{TIMEOUT}s",
        "ENTREPOT_LIMITS_BODY_TIMEOUT": f"{TIMEOUT}s",
        "ENTREPOT_LIMITS_BODY_RATE": "1KiB",
        "ENTREPOT_LIMITS_KEEP_ALIVE": "1s",
    }
    with running(tmp_path_factory.mktemp("impatient"), variables) as server:
        yield server


def drip(connection: Connection, data: bytes, pause: float, most: float) -> float:
    """Sends byte by byte until the server answers or closes; how long that took."""
    began = time.monotonic()
    for byte in data:
        if connection.readable(pause) or time.monotonic() - began > most:
            break
        try:
            connection.send(bytes([byte]))
        except OSError:
            break
    return time.monotonic() - began


def test_slow_headers(impatient: Server) -> None:
    request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 50
    for sent_at_once in (1, 20, 40):
        with impatient.client.connect() as connection:
            connection.send(request[:sent_at_once])
            took = drip(connection, request[sent_at_once:], 0.1, TIMEOUT + SLACK)
            assert took < TIMEOUT + SLACK, "the server waits for a head that does not come"
            assert took > TIMEOUT / 2
            with suppress(Closed):
                assert connection.read().status == 408


def test_nothing_at_all(impatient: Server) -> None:
    with impatient.client.connect() as connection:
        assert connection.readable(TIMEOUT + SLACK), "a connection without a request lives for ever"


def test_idle_keep_alive(impatient: Server) -> None:
    with impatient.client.connect() as connection:
        assert connection.request("GET", "/v2/").status == 200
        assert connection.ended(TIMEOUT + SLACK)


def slow_body(server: Server, method: str, target: str, size: str, sent: bytes, rest: bytes, pause: float) -> None:
    """The request is answered 408 and its connection closed, in time."""
    with server.client.connect() as connection:
        headers = {"Transfer-Encoding": "chunked"} if size == "chunked" else {"Content-Length": size}
        connection.send(encode(method, target, OCTETS | headers) + sent)
        began = time.monotonic()
        drip(connection, rest, pause, 3 * TIMEOUT + SLACK)
        assert time.monotonic() - began < 3 * TIMEOUT + SLACK, f"a slow {method} holds the server"
        response = connection.read()
        assert response.status == 408, response
        assert response.closes
        assert connection.ended()


SLOW_KINDS = {
    "idle": ("100000", b"some bytes", b""),
    "drip": ("100000", b"some bytes", b"x" * 1000),
    "chunked": ("chunked", b"1\r\nx\r\n", b"1\r\nx\r\n" * 200),
}


@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_slow_bodies(impatient: Server, kind: str) -> None:
    """Every request with a body, all at the same time to save some."""
    repository = new_repository(impatient.client)
    digest = digest_of(b"never comes")
    requests = [
        ("PATCH", repository.start()),
        ("PUT", with_query(repository.start(), digest=digest)),
        ("POST", with_query(repository.uploads, digest=digest)),
        ("PUT", repository.manifest("latest")),
    ]
    size, sent, rest = SLOW_KINDS[kind]
    impatient.client.together(
        [partial(slow_body, impatient, method, target, size, sent, rest, 0.05) for method, target in requests]
    )
    impatient.client.close()
    assert impatient.client.head(repository.blob(digest)).status == 404
    assert impatient.client.head(repository.manifest("latest")).status == 404


@pytest.mark.parametrize("size", [10, 400_000])
def test_a_session_outlives_a_slow_body(impatient: Server, size: int) -> None:
    """Of a large body what came is kept; and in any case the session says what it holds and goes on from there."""
    repository = new_repository(impatient.client)
    data = noise(500_000, "slow")
    location = repository.start()
    slow_body(impatient, "PATCH", location, "100000" if size < 1000 else "500000", data[:size], b"", 0.1)
    impatient.client.close()
    status = impatient.client.get(location)
    location = status.header("location")
    last = int(status.header("range").removeprefix("0-"))
    held = last + 1 if last else 0
    assert held in (0, size)
    assert held or size < 1000

    def is_closed() -> bool:
        """For a moment the slow request may still have the session."""
        response = repository.close(location, digest_of(data), data[held:], OCTETS)
        assert response.status == 201 or response.code == "TOOMANYREQUESTS", response
        return response.status == 201

    wait_until(is_closed, 5, "the slow request does not let go of the session")
    assert impatient.client.get(repository.blob(digest_of(data))).body == data


def test_steady_bodies_are_not_slow(impatient: Server) -> None:
    """Above the least rate a body may take as long as it needs."""
    repository = new_repository(impatient.client)
    data = noise(40_000, "steady")
    with impatient.client.connect() as connection:
        connection.send(encode("PATCH", repository.start(), OCTETS | {"Content-Length": str(len(data))}))
        for first in range(0, len(data), 1000):
            connection.send(data[first : first + 1000])
            time.sleep(0.08)
        response = connection.read()
        assert response.status == 202, response
    impatient.client.close()
    assert repository.close(response.header("location"), digest_of(data)).status == 201


def test_slow_clients_do_not_hold_others(impatient: Server) -> None:
    impatient.client.close()
    slow = [impatient.client.connect() for _ in range(50)]
    for connection in slow:
        connection.send(b"PATCH /v2/a/blobs/uploads/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10")
    began = time.monotonic()
    repository = new_repository(impatient.client)
    repository.tag("latest", repository.image())
    assert time.monotonic() - began < 3
    for connection in slow:
        connection.close()


def test_a_slow_reader_does_not_hold_others(impatient: Server) -> None:
    impatient.client.close()
    repository = new_repository(impatient.client)
    digest = repository.push(noise(5_000_000, "slow reader"))
    with impatient.client.connect() as slow:
        slow.send(encode("GET", repository.blob(digest)) * 5)
        began = time.monotonic()
        assert impatient.client.get(repository.blob(digest)).status == 200
        assert time.monotonic() - began < 3


def test_connections(start: Callable[..., Server]) -> None:
    """Idle ones make room for new ones; while none is idle, only health checks are answered."""
    server = start(ENTREPOT_LIMITS_CONNECTIONS="8", ENTREPOT_SERVER_WORKERS="1")
    server.client.close()
    with ExitStack() as stack:
        open_ones = [stack.enter_context(server.client.connect(3)) for _ in range(20)]
        assert open_ones[-1].request("GET", "/v2/").status == 200
        assert open_ones[0].ended()
    with ExitStack() as stack:
        for number in range(8):
            busy = stack.enter_context(server.client.connect(3))
            busy.send(encode("PUT", f"/v2/a{number}/manifests/b", {"Content-Length": "1000"}) + b"{")
        time.sleep(0.2)
        for target, status in (("/v2/", 503), ("/healthz", 200), ("/readyz", 200)):
            with server.client.connect(3) as connection:
                answer = connection.request("GET", target)
                assert (answer.status, answer.closes) == (status, True)
    time.sleep(0.2)
    assert server.client.get("/v2/").status == 200


def test_many_chunks_of_one_byte(client: Client, repository: Repository) -> None:
    data = noise(50_000, "one byte")
    digest = digest_of(data)
    headers = OCTETS | {"Transfer-Encoding": "chunked"}
    assert client.post(with_query(repository.uploads, digest=digest), chunks(data, 1), headers).status == 201
