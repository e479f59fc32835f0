"""Bytes of files as answers: by sendfile on the loop and in a lane, and without it over TLS."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.client import Closed, Connection, encode
from tests.transport.content import FILE
from tests.transport.server import Server


@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, 0), (0, 1), (5, 1000), (0, 65536), (1, 256 << 10), (7, (256 << 10) + 1), (100, 5_000_000), (0, len(FILE))],
)
def test_ranges(server: Server, offset: int, count: int) -> None:
    with server.connect() as connection:
        for _ in range(2):
            response = connection.request("GET", f"/file?offset={offset}&count={count}")
            assert response.body == FILE[offset : offset + count]
        response = connection.request("HEAD", f"/file?offset={offset}&count={count}")
        assert response.header("content-length") == str(count)
        assert connection.request("GET", "/fast/2").body == b"ee"
    server.until("free")


def test_pipelined(server: Server) -> None:
    with server.connect() as connection:
        connection.send(encode("GET", "/file?count=3000000") * 3 + encode("GET", "/fast/2"))
        for _ in range(3):
            assert connection.read().body == FILE[:3000000]
        assert connection.read().body == b"ee"


def test_malformed_request_behind_a_file(server: Server) -> None:
    """The file arrives whole, then comes the refusal."""
    with server.connect() as connection:
        connection.send(encode("GET", "/file?count=8000000") + b"nonsense\r\n\r\n")
        time.sleep(0.05)
        assert connection.read().body == FILE[:8000000]
        response = connection.read()
        assert response.status == 400
        assert response.closes


@pytest.mark.parametrize("head", ["GET {} HTTP/1.0\r\n\r\n", "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
def test_closed_after_the_file(server: Server, head: str) -> None:
    with server.connect() as connection:
        connection.send(head.format("/file?count=9000000").encode())
        response = connection.read()
        assert response.closes
        assert response.body == FILE[:9000000]
        assert connection.ended()


def slow_reader(server: Server, target: str) -> Connection:
    """Its kernel holds little, so that the server has to wait for it."""
    connection = server.connect()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.send(encode("GET", target))
    return connection


def read_slowly(connection: Connection, count: int, pause: float) -> Iterator[bytes]:
    while count > 0:
        piece = connection.socket.recv(65536 * 8)
        if not piece:
            return
        count -= len(piece)
        yield piece
        time.sleep(pause)


def test_slow_reader(server: Server) -> None:
    with slow_reader(server, f"/file?count={len(FILE)}") as connection:
        got = connection.socket.recv(1000)
        time.sleep(0.3)
        got += b"".join(read_slowly(connection, len(FILE) - len(got), 0.0005))
        while len(got) < len(FILE) + got.index(b"\r\n\r\n") + 4:
            got += connection.socket.recv(1 << 20)
        assert got.partition(b"\r\n\r\n")[2] == FILE
    server.until("free")


@pytest.mark.parametrize("how", ["close", "abort"])
def test_client_leaves(server: Server, how: str) -> None:
    with slow_reader(server, f"/file?count={len(FILE)}") as connection:
        connection.socket.recv(1000)
        getattr(connection, how)()
        if not server.tls:  # whose buffers may have held it all
            server.until("file: Disconnected")
    server.until("free")


def test_truncated_file(server: Server) -> None:
    """The client sees that bytes are missing."""
    path: Path = server.app.folder / "short"
    path.write_bytes(FILE[:2_000_000])
    with server.connect() as connection:
        connection.send(encode("GET", "/file?name=short&count=3000000"))
        with pytest.raises(Closed):
            connection.read()
    server.until("free")
    assert server.get("/fast/1").status == 200


@pytest.mark.parametrize("half_closed", [False, True])
def test_reader_that_stops_is_cut(hurried: Server, half_closed: bool) -> None:
    with slow_reader(hurried, f"/file?count={len(FILE)}") as connection:
        if half_closed:
            connection.socket.shutdown(socket.SHUT_WR)
        hurried.until("file: Disconnected")
        with contextlib.suppress(ConnectionError):
            while connection.socket.recv(1 << 20):
                pass
    hurried.until("free")


def test_reader_of_small_answers_that_stops_is_cut(hurried: Server) -> None:
    """Also one that goes on asking: answers it does not read are not heaped up."""
    with hurried.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.socket.settimeout(2)
        wire = encode("GET", "/fast/1000000") * 300
        with contextlib.suppress(OSError):
            while True:
                connection.send(wire)
        held = sum(c.transport.get_write_buffer_size() for c in hurried.uvicorn.server_state.connections)
        assert held < 4_000_000
    hurried.until("free")


def test_slow_but_steady_reader_is_not_cut(hurried: Server) -> None:
    with slow_reader(hurried, "/file?count=12000000") as connection:
        got, began = 0, time.monotonic()
        while got < 12_000_000:
            piece = connection.socket.recv(300_000)
            assert piece, f"cut after {got} bytes"
            got += len(piece)
            time.sleep(0.02)
        assert time.monotonic() - began > 2 * hurried.app.limits.body_timeout
    hurried.until("free")
