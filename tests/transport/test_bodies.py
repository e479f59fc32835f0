"""Bodies of requests by every path, byte-exact; Expect; answers before the end; clients that leave."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from tests.protocol.client import chunks, encode
from tests.transport.content import arrived, data
from tests.transport.server import Server, running

SIZES = [0, 1, 64 << 10, (1 << 20) + 1, 20 << 20]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", ["receive", "take"])
def test_bodies(server: Server, way: str, size: int) -> None:
    body = data(size)
    with server.connect() as connection:
        how = arrived(connection.request("POST", f"/{way}", body=body), body)
        assert connection.request("GET", "/fast/1").body == b"e"
    by_lane = way == "take" and not server.tls and size > 4 << 20
    assert how == "lane" if by_lane else size > 1 << 20 or how == "loop"
    server.until("free")


@pytest.mark.parametrize("way", ["receive", "take"])
def test_byte_by_byte(server: Server, way: str) -> None:
    wire = encode("POST", f"/{way}", body=data(300))
    with server.connect() as connection:
        for byte in wire:
            connection.send(bytes([byte]))
            time.sleep(0.0002)
        arrived(connection.read(), data(300))


def test_body_larger_than_is_held(server: Server) -> None:
    """An application that is slow to read stops the client, and then has every byte."""
    body = data(8 << 20)
    with server.connect() as connection:
        assert arrived(connection.request("POST", "/receive?later=0.3", body=body), body) == "loop"


def test_lane_follows_a_body_that_stalls(server: Server) -> None:
    """Pieces with pauses longer than a lane waits, and the next request right behind."""
    body = data(6 << 20)
    wire = encode("POST", "/take", body=body) + encode("GET", "/fast/9")
    with server.connect() as connection:
        for first in range(0, len(wire), 1_300_000):
            connection.send(wire[first : first + 1_300_000])
            time.sleep(0.15)
        arrived(connection.read(), body)
        assert connection.read().body == b"e" * 9
    server.until("free")


@pytest.mark.parametrize("way", ["receive", "take"])
def test_expect_continue(server: Server, way: str) -> None:
    body = data(3 << 20)
    with server.connect() as connection:
        head = encode("POST", f"/{way}?later=0.2", {"Expect": "100-Continue", "Content-Length": str(len(body))})
        assert connection.request("GET", "/fast/1").status == 200  # and TLS has said all it has to say
        connection.send(head)
        assert way == "take" or not connection.readable(0.1), "the body was not asked for yet"
        assert connection.read_any().status == 100
        connection.send(body)
        arrived(connection.read_any(), body)
        assert connection.request("GET", "/fast/1").body == b"e"


@pytest.mark.parametrize("size", [1, 10**12])
def test_expect_continue_refused_early(server: Server, size: int) -> None:
    """The client may send the body or not, so that nothing else can follow."""
    with server.connect() as connection:
        connection.send(encode("POST", "/early", {"Expect": "100-continue", "Content-Length": str(size)}))
        response = connection.read_any()
        assert response.status == 413
        assert response.closes
        assert server.tls or connection.ended()


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("size", [100, 100_000, 3 << 20, 30 << 20])
def test_early_answer(server: Server, size: int, late: bool) -> None:
    """The client has the answer, also when it sends everything before it looks; a small rest is thrown away."""
    wire = encode("POST", "/early", body=data(size))
    with server.connect() as connection:
        cut = wire.index(b"\r\n\r\n") + 4 if late else len(wire)
        connection.send(wire[:cut])
        if late:
            time.sleep(0.05)
            connection.send(wire[cut:])
        response = connection.read()
        assert (response.status, response.body) == (413, b"too large")
        assert response.closes == (size > 4 << 20)
        if not response.closes:
            assert connection.request("GET", "/fast/3").body == b"eee"
            assert connection.request("POST", "/take", body=b"xyz").status == 200


def test_early_answer_to_a_chunked_body(server: Server) -> None:
    with server.connect() as connection:
        head = encode("POST", "/early", {"Transfer-Encoding": "chunked"})
        connection.send(head + chunks(data(6 << 20), 1 << 16))
        response = connection.read()
        assert response.status == 413
        assert response.closes


@pytest.mark.parametrize("size", [100, 20 << 20])
def test_full_sink(server: Server, size: int) -> None:
    """What a sink refuses in a lane is lost to the connection: it answers, and closes."""
    body = data(size)
    with server.connect() as connection:
        connection.send(encode("POST", "/take?most=50", body=body))
        response = connection.read()
        assert (response.status, response.body) == (507, b"the sink is full")
        if not response.closes:
            assert connection.request("GET", "/fast/3").body == b"eee"
    server.until("free")
    assert server.get("/fast/1").status == 200


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("sent", [0, 1000, 5 << 20])
@pytest.mark.parametrize("way", ["receive", "take"])
def test_client_leaves(server: Server, way: str, sent: int, how: str) -> None:
    with server.connect() as connection:
        connection.send(encode("POST", f"/{way}", {"Content-Length": str(20 << 20)}) + data(sent))
        time.sleep(0.02)
        getattr(connection, how)()
    server.until("take: Disconnected" if way == "take" else "receive: disconnect")
    server.until("free")


def test_client_leaves_a_chunked_body(server: Server) -> None:
    with server.connect() as connection:
        connection.send(encode("POST", "/take", {"Transfer-Encoding": "chunked"}) + b"5\r\nhel")
        time.sleep(0.05)  # closed together with the handshake's end, it would not be served at all
    server.until("take: Disconnected")
    server.until("free")


def test_client_leaves_while_requests_wait(server: Server) -> None:
    """The request that is being answered learns of it, not only the newest."""
    with server.connect() as connection:
        connection.send(encode("GET", "/watch") + encode("GET", "/slow"))
        time.sleep(0.05)
    server.until("watch: done")
    server.until("free")


def test_more_uploads_than_lanes(server: Server) -> None:
    body = data(5 << 20)
    connections = [server.connect() for _ in range(5)]
    for connection in connections:
        connection.send(encode("POST", "/take", body=body)[:-1])
    for connection in connections:
        connection.send(body[-1:])
        arrived(connection.read(), body)
        connection.close()
    server.until("free")


def test_cancelled_in_a_lane(loop: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A server that must stop while a lane waits does not pull the socket from under it."""
    with running(tmp_path_factory.mktemp("cancel"), loop, drain=1) as server, server.connect() as connection:
        connection.send(encode("POST", "/take", {"Content-Length": str(50 << 20)}) + data(1 << 20))
        time.sleep(0.1)
        server.stop()
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() < began + 5:
                connection.send(data(10_000))
                time.sleep(0.03)
        assert time.monotonic() < began + 5
        server.until("take: CancelledError")
