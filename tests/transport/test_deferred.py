"""Deferred responses: in their turn, to the clients still there, and the long way when there is none."""

from __future__ import annotations

import time

import pytest

from tests.protocol.client import encode
from tests.transport.server import Server, running


def test_first_and_again(server: Server) -> None:
    with server.connect() as connection:
        for turn in range(3):
            answer = connection.request("GET", "/deferred/0.01/first")
            assert answer.body == b"first"
            assert answer.get("kept") == ("yes" if turn else None)
            assert answer.header("date").endswith(" GMT")
            assert connection.request("HEAD", "/deferred/0/first").body == b""


def test_there_is_none_after_all(server: Server) -> None:
    with server.connect() as connection:
        for mark in ("a", "a", "b"):
            assert connection.request("GET", "/deferred/0.01/none", {"X-Mark": mark}).body == b"long " + mark.encode()
        assert connection.request("GET", "/fast/1").body == b"e"
    with server.connect() as fresh:  # whose first request is one that was asked before, and so is not parsed
        assert fresh.request("GET", "/deferred/0.01/none", {"X-Mark": "a"}).body == b"long a"


@pytest.mark.parametrize(
    "targets",
    [
        ["/deferred/0.02/a", "/deferred/0/b", "/deferred/0.01/c"],
        ["/deferred/0.02/a", "/fast/1", "/slow/b", "/deferred/0/c"],
        ["/slow/a", "/deferred/0.01/b", "/fast/2"],
        ["/deferred/0.02/none", "/deferred/0.01/none", "/fast/1"],
        ["/fast/1", "/deferred/0.02/none", "/slow/a", "/deferred/0/b"],
    ],
)
def test_pipelined(server: Server, targets: list[str]) -> None:
    """In one packet, in halves, and byte after byte; twice, as kept answers go another way."""
    wire = b"".join(encode("GET", target) for target in targets)
    for step in (len(wire), len(wire) // 2 + 7, 1) * 2:
        with server.connect() as connection:
            for first in range(0, len(wire), step):
                connection.send(wire[first : first + step])
            for target in targets:
                assert connection.read().body == expected(target), target


def expected(target: str) -> bytes:
    _, kind, value, *name = target.split("/")
    if kind == "deferred":
        return b"long " if name == ["none"] else name[0].encode()
    return target.encode() if kind == "slow" else b"e" * int(value)


def test_a_body_after_it_waits_for_its_turn(server: Server) -> None:
    body = b"x" * 300_000
    for target in ("/deferred/0.05/a", "/deferred/0.05/none"):
        for _ in range(2):
            with server.connect() as connection:
                connection.send(encode("GET", target) + encode("POST", "/receive", body=body) + encode("GET", target))
                assert connection.read().body == expected(target)
                assert connection.read().status == 200
                assert connection.read().body == expected(target)


def test_a_client_that_goes_meanwhile(server: Server) -> None:
    for target in ("/deferred/0.1/gone", "/deferred/0.1/none"):
        for _ in range(2):
            with server.connect() as connection:
                connection.send(encode("GET", target) + encode("GET", "/fast/1"))
                time.sleep(0.02)
    time.sleep(0.15)
    assert server.get("/fast/1").status == 200


def test_nonsense_behind_it_is_refused_in_its_turn(server: Server) -> None:
    for target in ("/deferred/0.05/a", "/deferred/0.05/none"):
        for _ in range(2):
            with server.connect() as connection:
                connection.send(encode("GET", target) + b"NONSENSE\r\n\r\n")
                assert connection.read().body == expected(target)
                assert connection.read().status == 400


def test_slow_to_read(server: Server) -> None:
    """Many answers that the client does not take yet."""
    wire = encode("GET", f"/deferred/0/{'y' * 900}") * 300
    with server.connect() as connection:
        connection.send(wire)
        time.sleep(0.2)
        for _ in range(300):
            assert connection.read().body == b"y" * 900


def test_drain(loop: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A server that stops gives the answer that is under way, and closes."""
    for target in ("/deferred/0.3/last", "/deferred/0.3/none"):
        with running(tmp_path_factory.mktemp("drain"), loop) as server, server.connect() as connection:
            connection.send(encode("GET", target))
            time.sleep(0.1)
            server.stop()
            assert connection.read().body == expected(target)
            assert connection.ended()
