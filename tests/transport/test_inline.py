"""Inline requests, which come in one piece with their body: answered from the connection, in their turn."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.protocol.client import Response, chunks, encode
from tests.transport.server import Server, running

BODY = b"b" * 500


def is_inline(answer: Response, method: str = "PUT", name: str = "a", body: bytes = BODY) -> bool:
    """Whether it was answered inline; the answer must be right either way."""
    assert answer.status == 200
    assert answer.body == f"{method} {name} ".encode() + body
    assert answer.header("date").endswith(" GMT") or answer.get("inline") is None
    return answer.get("inline") == "yes"


@pytest.mark.parametrize("seconds", ["now", "0", "0.01"])
def test_one_after_the_other(server: Server, seconds: str) -> None:
    with server.connect() as connection:
        for body in (BODY, b"", BODY, b"x"):
            for method in ("PUT", "POST", "PATCH"):
                assert is_inline(connection.request(method, f"/inline/{seconds}/a", body=body), method, body=body)
            assert connection.request("GET", "/fast/3").body == b"eee"
        connection.send(encode("POST", f"/inline/{seconds}/a"))  # without Content-Length there is no body
        assert is_inline(connection.read(), "POST", body=b"")


@pytest.mark.parametrize("seconds", ["now", "0.01"])
def test_in_pieces_it_is_handled_all_the_same(server: Server, seconds: str) -> None:
    wire = encode("PUT", f"/inline/{seconds}/a", body=BODY)
    end = wire.index(b"\r\n\r\n") + 4
    for cut in (1, end - 2, end, end + 1, len(wire) - 1):
        with server.connect() as connection:
            for piece in (wire[:cut], wire[cut:]):
                connection.send(piece)
                time.sleep(0.02)
            is_inline(connection.read())
            assert is_inline(connection.request("PUT", f"/inline/{seconds}/a", body=BODY))


def test_what_needs_more_than_that_takes_the_long_way(server: Server) -> None:
    with server.connect() as connection:
        connection.send(encode("PUT", "/inline/now/a", {"Transfer-Encoding": "chunked"}) + chunks(BODY))
        assert not is_inline(connection.read())
        connection.send(encode("PUT", "/inline/now/a", {"Expect": "100-continue"}, body=BODY))
        assert not is_inline(connection.read())
        assert connection.request("DELETE", "/headers", body=BODY).status == 200
        assert connection.request("POST", "/slow/a?seconds=0", body=b"x" * 10).body == b"/slow/a"


@pytest.mark.parametrize(
    "targets",
    [
        ["/inline/now/a", "/inline/now/b"],
        ["/inline/0.02/a", "/inline/now/b", "/inline/0/c"],
        ["/slow/a", "/inline/now/b", "/fast/1", "/inline/0.01/c"],
        ["/deferred/0.02/none", "/inline/now/a", "/deferred/0/b", "/inline/0.01/c"],
    ],
)
def test_pipelined(server: Server, targets: list[str]) -> None:
    """In one packet, in halves, and byte after byte: the answers come in the order of the requests."""
    wire = b"".join(
        encode("PUT", target, body=BODY) if "inline" in target else encode("GET", target) for target in targets
    )
    for step in (len(wire), len(wire) // 2 + 7, 1):
        with server.connect() as connection:
            for first in range(0, len(wire), step):
                connection.send(wire[first : first + step])
            for target in targets:
                answer, name = connection.read(), target.rpartition("/")[2]
                if "inline" in target:
                    is_inline(answer, name=name)
                elif "fast" in target:
                    assert answer.body == b"e"
                else:
                    assert answer.body == {"slow": target.encode(), "none": b"long "}.get(
                        "slow" if "slow" in target else name, name.encode()
                    )


def test_a_client_that_goes_meanwhile(server: Server) -> None:
    for _ in range(3):
        with server.connect() as connection:
            connection.send(encode("PUT", "/inline/0.05/a", body=BODY) + encode("GET", "/fast/1"))
    time.sleep(0.1)
    assert server.get("/fast/1").status == 200


def test_nonsense_behind_it_is_refused_in_its_turn(server: Server) -> None:
    for seconds in ("now", "0.03"):
        with server.connect() as connection:
            connection.send(encode("PUT", f"/inline/{seconds}/a", body=BODY) + b"NONSENSE\r\n\r\n")
            is_inline(connection.read())
            assert connection.read().status == 400


def test_drain(loop: str, tmp_path: Path) -> None:
    """A server that stops gives the answer that is under way, and closes."""
    with running(tmp_path, loop) as server, server.connect() as connection:
        connection.send(encode("PUT", "/inline/0.3/a", body=BODY))
        time.sleep(0.1)
        server.stop()
        assert is_inline(connection.read())
        assert connection.ended()
