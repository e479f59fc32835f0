"""Several requests on a connection: one after the other, in one packet, while another is answered."""

from __future__ import annotations

import time

import pytest

from registry.transport.response import lines
from tests.protocol.client import chunks, encode
from tests.transport.content import arrived, data
from tests.transport.server import Server


def test_keep_alive(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(3):
            assert connection.request("GET", "/fast/10").body == b"e" * 10
            assert connection.request("GET", "/slow/a?seconds=0").body == b"/slow/a"
            assert connection.request("HEAD", "/fast/10").body == b""
            assert arrived(connection.request("POST", "/take", body=b"x" * 100), b"x" * 100) == "loop"


def test_date(server: Server) -> None:
    for target in ("/fast/1", "/slow?seconds=0"):
        assert server.get(target).header("date").endswith(" GMT")


@pytest.mark.parametrize(
    "targets",
    [
        ["/slow/a", "/slow/b"],
        ["/fast/1", "/fast/2", "/fast/3"],
        ["/slow/a", "/fast/1", "/slow/b", "/fast/2", "/fast/3"],
        ["/fast/1", "/slow/a", "/fast/2"],
    ],
)
def test_pipelined(server: Server, targets: list[str]) -> None:
    """In one packet, and again byte after byte: the answers come in the order of the requests."""
    wire = b"".join(encode("GET", target) for target in targets)
    for step in (len(wire), 1):
        with server.connect() as connection:
            for first in range(0, len(wire), step):
                connection.send(wire[first : first + step])
            for target in targets:
                body = connection.read().body
                assert body == (target.encode() if "slow" in target else b"e" * int(target[-1]))


def test_express_waits_for_the_slow(server: Server) -> None:
    with server.connect() as connection:
        connection.send(encode("GET", "/slow/first"))
        time.sleep(0.02)
        connection.send(encode("GET", "/fast/5"))
        assert connection.read().body == b"/slow/first"
        assert connection.read().body == b"e" * 5


@pytest.mark.parametrize("way", ["receive", "take"])
@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_request_after_a_body(server: Server, way: str, size: int) -> None:
    """At once behind the body, in the same packet; and two bodies in a row."""
    body = data(size)
    wire = encode("POST", f"/{way}", body=body) * 2 + encode("GET", "/fast/7")
    for cut in (len(wire), 60, size + 40, size + 100):
        with server.connect() as connection:
            connection.send(wire[:cut])
            time.sleep(0.005)
            connection.send(wire[cut:])
            arrived(connection.read(), body)
            arrived(connection.read(), body)
            assert connection.read().body == b"e" * 7


def test_bodies_that_wait_for_their_turn(server: Server) -> None:
    """A queued request's body may come before and after its turn, whatever the one before had."""
    first, second = data(5000), data(50)
    with server.connect() as connection:
        connection.send(encode("POST", "/slow/a", body=first) + encode("POST", "/take", body=second)[:-45])
        assert connection.read().body == b"/slow/a"
        for byte in second[5:]:
            connection.send(bytes([byte]))
        arrived(connection.read(), second)
        connection.send(encode("GET", "/slow/b?seconds=0.1") + encode("POST", "/receive", body=data(3 << 20)))
        assert connection.read().body == b"/slow/b"
        arrived(connection.read(), data(3 << 20))


@pytest.mark.parametrize("way", ["receive", "take"])
@pytest.mark.parametrize(("size", "piece"), [(0, 1), (1, 1), (500, 1), (100_000, 1000), (2_000_000, 65536)])
def test_chunked(server: Server, way: str, size: int, piece: int) -> None:
    body = data(size)
    with server.connect() as connection:
        for _ in range(2):
            head = encode("POST", f"/{way}", {"Transfer-Encoding": "chunked"})
            connection.send(head + chunks(body, piece) + encode("GET", "/fast/3"))
            arrived(connection.read(), body)
            assert connection.read().body == b"eee"


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_head_whose_end_comes_with_a_little_of_the_body(server: Server, cut: int) -> None:
    wire = encode("POST", "/receive", {"Transfer-Encoding": "chunked"}) + b"1\r\nx\r\n0\r\n\r\n"
    end = wire.index(b"\r\n\r\n") + 4
    with server.connect() as connection:
        for first in range(max(0, end - cut), end):
            connection.send(wire[:first])
            time.sleep(0.005)
            connection.send(wire[first : first + 3])
            time.sleep(0.005)
            connection.send(wire[first + 3 :] + encode("GET", "/fast/2"))
            arrived(connection.read(), b"x")
            assert connection.read().body == b"ee"


def test_a_request_that_comes_again_is_not_parsed_again(server: Server) -> None:
    wire = encode("GET", "/fast/7")
    with server.connect() as connection, server.connect() as other:
        for number in range(3):
            assert (connection.request("GET", "/fast/7").get("kept") is None) == (number == 0)
        connection.send(wire * 2 + encode("GET", "/slow/a") + wire)
        answers = [connection.read() for _ in range(4)]
        assert [answer.body for answer in answers] == [b"e" * 7, b"e" * 7, b"/slow/a", b"e" * 7]
        for first in range(len(wire)):
            other.send(wire[first : first + 1])
        assert other.read().get("kept") is None
        assert other.request("HEAD", "/fast/7").get("kept") is None
        connection.send(b"\r\n" + wire)  # an empty line before a request is forgiven
        assert connection.read().body == b"e" * 7


def test_trailers_are_dropped(server: Server) -> None:
    with server.connect() as connection:
        head = encode("POST", "/headers", {"Transfer-Encoding": "chunked"})
        for step in (1000, 1):
            wire = head + b"1\r\nx\r\n0\r\nX-Trailer: y\r\nHost: evil\r\n\r\n"
            for first in range(0, len(wire), step):
                connection.send(wire[first : first + step])
            method, headers = connection.read().json()
            assert method == "POST"
            assert [name for name, _ in headers] == ["host", "transfer-encoding"]


def test_http_1_0_and_close(server: Server) -> None:
    for target in ("/fast/4", "/slow?seconds=0"):
        for head in ("GET {} HTTP/1.0\r\n\r\n", "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
            with server.connect() as connection:
                connection.send(head.format(target).encode())
                response = connection.read()
                assert response.closes
                assert response.status == 200
                assert connection.ended()
    with server.connect() as connection:
        connection.send(b"POST /receive HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
        response = connection.read_any()
        arrived(response, b"abc")
        assert connection.ended()


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
def test_upgrades_are_ignored(server: Server, protocol: str) -> None:
    headers = {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": protocol,
        "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
    }
    body = data(100_000)
    with server.connect() as connection:
        chunked = encode("POST", "/take", {**headers, "Transfer-Encoding": "chunked"}) + chunks(body, 30_000)
        wire = encode("GET", "/slow?seconds=0", headers) * 3 + encode("POST", "/take", headers, body) + chunked
        connection.send(wire + encode("GET", "/fast/2"))
        for _ in range(3):
            assert connection.read().status == 200
        arrived(connection.read(), body)
        arrived(connection.read(), body)
        assert connection.read().body == b"ee"


def test_names_of_headers_are_written_as_the_specifications_print_them() -> None:
    names = b"Content-Type Docker-Content-Digest Docker-Upload-UUID Docker-Distribution-API-Version ETag OCI-Subject"
    names += b" OCI-Filters-Applied OCI-Tag OCI-Chunk-Min-Length WWW-Authenticate Location Range X-Request-Id"
    written = lines([(name.lower(), b"x") for name in names.split()])
    assert written == b"".join(name + b": x\r\n" for name in names.split())


def test_what_is_sent_is_never_guessed_to_be_a_page(server: Server) -> None:
    for target in ("/fast/1", "/slow?seconds=0", "/early", "/inline/now/a"):
        assert server.get(target).header("x-content-type-options") == "nosniff"
    with server.connect() as connection:
        connection.send(b"nonsense\r\n\r\n")
        assert connection.read().header("x-content-type-options") == "nosniff"
