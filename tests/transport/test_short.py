"""Requests that come in one piece, body and all: answered from the connection, at once or later, in their turn."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.protocol.client import Response, chunks, encode
from tests.transport.server import Server, running

BODY = b"b" * 500


def is_short(answer: Response, method: str = "PUT", name: str = "a", body: bytes = BODY) -> bool:
    """Whether it was answered the short way; the answer must be right either way."""
    assert answer.status == 200
    assert answer.body == f"{method} {name} ".encode() + body
    assert answer.header("date").endswith(" GMT") or answer.get("short") is None
    return answer.get("short") == "yes"


@pytest.mark.parametrize("seconds", ["now", "0", "0.01"])
def test_one_after_the_other(server: Server, seconds: str) -> None:
    with server.connect() as connection:
        for body in (BODY, b"", BODY, b"x"):
            for method in ("PUT", "POST", "PATCH"):
                assert is_short(connection.request(method, f"/short/{seconds}/a", body=body), method, body=body)
            assert connection.request("GET", "/express/3").body == b"eee"
        connection.send(encode("POST", f"/short/{seconds}/a"))  # without Content-Length there is no body
        assert is_short(connection.read(), "POST", body=b"")


@pytest.mark.parametrize("seconds", ["now", "0.01"])
def test_in_pieces_it_is_handled_all_the_same(server: Server, seconds: str) -> None:
    wire = encode("PUT", f"/short/{seconds}/a", body=BODY)
    end = wire.index(b"\r\n\r\n") + 4
    for cut in (1, end - 2, end, end + 1, len(wire) - 1):
        with server.connect() as connection:
            for piece in (wire[:cut], wire[cut:]):
                connection.send(piece)
                time.sleep(0.02)
            is_short(connection.read())
            assert is_short(connection.request("PUT", f"/short/{seconds}/a", body=BODY))


def test_what_needs_more_than_that_takes_the_long_way(server: Server) -> None:
    with server.connect() as connection:
        connection.send(encode("PUT", "/short/now/a", {"Transfer-Encoding": "chunked"}) + chunks(BODY))
        assert not is_short(connection.read())
        connection.send(encode("PUT", "/short/now/a", {"Expect": "100-continue"}, body=BODY))
        assert not is_short(connection.read())
        assert connection.request("DELETE", "/headers", body=BODY).status == 200
        assert connection.request("POST", "/slow/a?seconds=0", body=b"x" * 10).body == b"/slow/a"


@pytest.mark.parametrize(
    "targets",
    [
        ["/short/now/a", "/short/now/b"],
        ["/short/0.02/a", "/short/now/b", "/short/0/c"],
        ["/slow/a", "/short/now/b", "/express/1", "/short/0.01/c"],
        ["/later/0.02/none", "/short/now/a", "/later/0/b", "/short/0.01/c"],
    ],
)
def test_pipelined(server: Server, targets: list[str]) -> None:
    """In one packet, in halves, and byte after byte: the answers come in the order of the requests."""
    wire = b"".join(
        encode("PUT", target, body=BODY) if "short" in target else encode("GET", target) for target in targets
    )
    for step in (len(wire), len(wire) // 2 + 7, 1):
        with server.connect() as connection:
            for first in range(0, len(wire), step):
                connection.send(wire[first : first + step])
            for target in targets:
                answer, name = connection.read(), target.rpartition("/")[2]
                if "short" in target:
                    is_short(answer, name=name)
                elif "express" in target:
                    assert answer.body == b"e"
                else:
                    assert answer.body == {"slow": target.encode(), "none": b"long "}.get(
                        "slow" if "slow" in target else name, name.encode()
                    )


def test_a_client_that_goes_meanwhile(server: Server) -> None:
    for _ in range(3):
        with server.connect() as connection:
            connection.send(encode("PUT", "/short/0.05/a", body=BODY) + encode("GET", "/express/1"))
    time.sleep(0.1)
    assert server.get("/express/1").status == 200


def test_nonsense_behind_it_is_refused_in_its_turn(server: Server) -> None:
    for seconds in ("now", "0.03"):
        with server.connect() as connection:
            connection.send(encode("PUT", f"/short/{seconds}/a", body=BODY) + b"NONSENSE\r\n\r\n")
            is_short(connection.read())
            assert connection.read().status == 400


def test_drain(loop: str, tmp_path: Path) -> None:
    """A server that stops gives the answer that is under way, and closes."""
    with running(tmp_path, loop) as server, server.connect() as connection:
        connection.send(encode("PUT", "/short/0.3/a", body=BODY))
        time.sleep(0.1)
        server.stop()
        assert is_short(connection.read())
        assert connection.ended()
