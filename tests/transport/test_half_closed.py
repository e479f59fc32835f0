"""Clients that say they will send no more: what they asked for before is answered, and what may be lost is not done."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.protocol.client import Closed, encode
from tests.transport.content import FILE
from tests.transport.server import Server, running


def test_a_file_is_sent_to_its_end(tmp_path: Path, loop: str) -> None:
    (tmp_path / "file").write_bytes(FILE)
    with running(tmp_path, loop) as server, server.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.send(encode("GET", f"/file?count={len(FILE)}"))
        connection.socket.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
        assert connection.read().body == FILE
        assert connection.ended()


@pytest.mark.parametrize(
    "target",
    ["/slow/a?seconds=0.001", "/slow/a?seconds=0", "/fast/1", "/fast/100000", "/deferred/0.001/a", "/zeros/300000"],
)
@pytest.mark.parametrize("end", [b"", b"GET /slow"])
def test_all_that_was_asked_for_is_answered(plain: Server, target: str, end: bytes) -> None:
    """Also where its last request is not complete."""
    with plain.connect() as connection:
        connection.send(encode("GET", target) * 100 + end)
        connection.socket.shutdown(socket.SHUT_WR)
        assert [connection.read().status for _ in range(100)] == [200] * 100
        assert connection.ended()
    plain.until("free")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("target", ["/receive", "/take", "/inline/now/a", "/inline/0.1/a"])
def test_what_changes_something_is_not_begun(plain: Server, method: str, target: str) -> None:
    """Its client may be gone, which looks no different."""
    with plain.connect() as connection:
        connection.send(encode("GET", "/slow/a") + encode(method, target, body=b"x" * 100))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.read().body == b"/slow/a"
        with pytest.raises(Closed):
            connection.read()
    plain.until("free")
    assert plain.app.log == ["slow: done"]


@pytest.mark.parametrize("body", [b"", b"x" * 100])
@pytest.mark.parametrize("target", ["/slow/a?seconds=0.2", "/inline/0.2/a"])
def test_what_changes_something_and_is_begun_knows_that_its_client_may_be_gone(
    plain: Server, target: str, body: bytes
) -> None:
    with plain.connect() as connection:
        connection.send(encode("POST", target, body=body))
        time.sleep(0.05)
        connection.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(Closed):
            connection.read()
    plain.until("free")


def test_what_waits_for_the_end_of_its_client_hears_of_it(plain: Server) -> None:
    with plain.connect() as connection:
        connection.send(encode("GET", "/watch"))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.ended()
    plain.until("watch: done")
    plain.until("free")
