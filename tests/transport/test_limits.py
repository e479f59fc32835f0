"""Bounds: heads, time, connections; and what is not HTTP."""

from __future__ import annotations

import time

import pytest

from tests.protocol.client import Closed, Connection, Response, chunks, encode
from tests.transport.content import arrived, data
from tests.transport.server import Server


def refused(server: Server, wire: bytes, *statuses: int) -> None:
    """One clean refusal and the end of the connection; and nothing else is harmed."""
    with server.connect() as connection:
        connection.send(wire)
        response = connection.read()
        assert response.status in statuses, response
        assert response.closes
        assert "refused" in response.json()
        assert server.tls or connection.ended()


def head(*lines: str, method: str = "POST", body: str = "") -> bytes:
    return "\r\n".join([f"{method} /take HTTP/1.1", "Host: x", *lines, "", body]).encode("latin-1")


MALFORMED = [
    b"nonsense\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    b"GET / HTTP/0.9\r\nHost: x\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /fast/1 HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
    head("Content-Length: 5", "Transfer-Encoding: chunked", body="0\r\n\r\n"),
    head("Transfer-Encoding: chunked", "Content-Length: 5", body="0\r\n\r\n"),
    head("Content-Length: 5", "Content-Length: 5", body="hello"),
    head("Content-Length: 5", "Content-Length: 6", body="hello!"),
    head("Content-Length: 5, 5", body="hello"),
    head("Content-Length: -1"),
    head("Content-Length: +1", body="a"),
    head("Content-Length: 1_0"),
    head("Content-Length: 0x10"),
    head("Content-Length: 99999999999999999999999999"),
    head("Content-Length:"),
    head("Content-Length : 5", body="hello"),
    head("Transfer-Encoding: gzip"),
    head("Transfer-Encoding: gzip", method="DELETE"),
    head("Transfer-Encoding: chunked, gzip"),
    head("Transfer-Encoding: gzip, chunked", body="0\r\n\r\n"),
    head("Transfer-Encoding: xchunked", body="0\r\n\r\n"),
    head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body="0\r\n\r\n"),
    b"POST /take HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: http://x/\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x@y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x:port\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [x]\r\n\r\n",
    b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / http/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://u:p@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    head("Transfer-Encoding: chunked", body="0\r\nno colon\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="0\r\na b: c\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="0\r\na: b\x00\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="0\r\n folded: c\r\n\r\n"),
    head("A: b", " folded: x"),
    head("A: b\x00c"),
    head("A b: c"),
    head("no colon"),
    head("Transfer-Encoding: chunked", body="xyz\r\nhello\r\n0\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="5\r\nhello!!\r\n0\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="-5\r\nhello\r\n0\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="5\nhello\r\n0\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="5 \r\nhello\r\n0\r\n\r\n"),
    head("Transfer-Encoding: chunked", body="f" * 40 + "\r\n"),
]


@pytest.mark.parametrize("wire", MALFORMED)
def test_malformed(plain: Server, wire: bytes) -> None:
    refused(plain, wire, 400, 505)


@pytest.mark.parametrize(
    "wire",
    [
        b"GET /slow/a?seconds=0 HTTP/1.1\r\nHost: \r\n\r\n",
        b"GET /slow/a?seconds=0 HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n",
        b"GET /slow/a?seconds=0 HTTP/1.1\r\nHost: 127.0.0.1:\r\n\r\n",
        b"GET /slow/a?seconds=0 HTTP/1.1\r\nHost:\t x_y.example:5000 \t\r\n\r\n",
        b"GET http://other:5000/slow/a?seconds=0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /slow/a?seconds=0 HTTP/1.1\r\nHost: x\r\nEmpty:\r\nText: \xff\t\xe9\r\n\r\n",
        b"\r\nGET /slow/a?seconds=0 HTTP/1.1\r\nhOST: x\r\n\r\n",
    ],
)
def test_well_formed(plain: Server, wire: bytes) -> None:
    with plain.connect() as connection:
        connection.send(wire)
        assert connection.read().body == b"/slow/a"


@pytest.mark.parametrize("wire", MALFORMED[:8])
def test_malformed_behind_a_request_being_answered(server: Server, wire: bytes) -> None:
    """The good request has its own answer first."""
    with server.connect() as connection:
        connection.send(encode("GET", "/slow/a") + encode("GET", "/slow/b") + wire + encode("GET", "/fast/1"))
        assert connection.read().body == b"/slow/a"
        assert connection.read().body == b"/slow/b"
        assert connection.read().status in (400, 505)
        assert server.tls or connection.ended()


def test_malformed_body_behind_a_request_being_answered(server: Server) -> None:
    with server.connect() as connection:
        connection.send(encode("GET", "/slow/a") + head("Transfer-Encoding: chunked", body="xyz\r\n"))
        assert connection.read().body == b"/slow/a"
        assert connection.read().status == 400
    assert "take: done" not in server.app.log


def test_defect_of_the_application(server: Server) -> None:
    refused(server, encode("GET", "/fast/defect"), 500)
    assert server.get("/fast/1").status == 200


def test_heads(hurried: Server) -> None:
    """HURRY has 20 headers, 4 KiB of headers, 1 KiB of request line."""

    def get(target: str = "/fast/1", headers: dict[str, str] | None = None) -> bytes:
        return encode("GET", target, headers or {})

    for fine in ({f"x-{n}": "y" for n in range(19)}, {"x": "y" * 4000}, {f"x-{n}": "y" * 200 for n in range(18)}):
        with hurried.connect() as connection:
            connection.send(get(headers=fine) * 40)
            assert [connection.read().status for _ in range(40)] == [200] * 40
    refused(hurried, get(headers={f"x-{n}": "y" for n in range(20)}), 431)
    refused(hurried, get(headers={f"x-{n}": "y" for n in range(5000)}), 431)
    refused(hurried, get(headers={"x": "y" * 4100}), 431)
    refused(hurried, get(headers={f"x-{n}": "y" * 1000 for n in range(5)}), 431)
    refused(hurried, get(headers={"x" * 4100: "y"}), 431)
    refused(hurried, get("/" + "a" * 1025), 414)
    refused(hurried, b"GET /" + b"a" * 200_000, 414)
    refused(hurried, b"GET / HTTP/1.1\r\nX: " + b"y" * 400_000, 431)
    refused(hurried, b"\r\n" * 20_000, 431)


def test_trailers_and_chunk_extensions_are_bounded(hurried: Server) -> None:
    wire = head("Transfer-Encoding: chunked", body="1\r\nx\r\n0\r\n")
    refused(hurried, wire + b"X: " + b"y" * 400_000, 431)
    refused(hurried, wire + b"X: y\r\n" * 50_000, 431)
    hurried.until("free")


def test_endless_head_behind_a_slow_request(hurried: Server) -> None:
    with hurried.connect() as connection:
        connection.send(encode("GET", "/slow?seconds=0.3") + b"GET / HTTP/1.1\r\nX: ")
        time.sleep(0.05)
        connection.send(b"y" * 400_000)
        assert connection.read().status == 200
        assert connection.read().status == 431


def drip(connection: Connection, wire: bytes, pause: float = 0.02) -> tuple[Response | None, float]:
    """Sends byte by byte until there is an answer or the end; it, and how long it took."""
    began = time.monotonic()
    for byte in wire:
        if connection.readable(pause):
            break
        connection.send(bytes([byte]))
    try:
        return connection.read(), time.monotonic() - began
    except Closed:
        return None, time.monotonic() - began


@pytest.mark.parametrize("before", [b"", encode("GET", "/fast/1"), encode("GET", "/slow?seconds=0.1")])
def test_slow_head(hurried: Server, before: bytes) -> None:
    """Also when it begins in the packet of the request before."""
    with hurried.connect() as connection:
        connection.send(before + b"GET /")
        if before:
            assert connection.read().status == 200
        response, took = drip(connection, b"a" * 500)
        assert response is not None
        assert response.status == 408
        assert 0.1 < took < 1.5
        assert connection.ended()


def test_keep_alive_ends(hurried: Server) -> None:
    for wire in (b"", encode("GET", "/fast/1"), encode("GET", "/slow")):
        with hurried.connect() as connection:
            connection.send(wire)
            if wire:
                assert connection.read().status == 200
            began = time.monotonic()
            assert connection.ended(3)
            assert 0.4 < time.monotonic() - began < 2


@pytest.mark.parametrize("coding", [{"Content-Length": "20000000"}, {"Transfer-Encoding": "chunked"}])
@pytest.mark.parametrize("wire", [b"", b"x" * 2000])
@pytest.mark.parametrize("before", [b"", encode("GET", "/slow/a", {}, b"abc")])
def test_slow_body(hurried: Server, coding: dict[str, str], wire: bytes, before: bytes) -> None:
    """Nothing at all, or a byte now and then, also by lane and behind another request."""
    with hurried.connect() as connection:
        connection.send(
            before + encode("POST", "/take", coding) + (b"1\r\nx\r\n" if "Transfer-Encoding" in coding else b"x")
        )
        if before:
            assert connection.read().status == 200
        pieces = chunks(wire, 1)[:-5] if "Transfer-Encoding" in coding else wire
        response, took = drip(connection, pieces)
        assert response is not None
        assert response.status == 408
        assert took < 3
        assert connection.ended()
    hurried.until("take: Disconnected")
    hurried.until("free")


def test_slow_rest_of_a_refused_body(hurried: Server) -> None:
    with hurried.connect() as connection:
        connection.send(encode("POST", "/early", {"Content-Length": "1000"}))
        assert connection.read().status == 413
        response, took = drip(connection, b"x" * 900)
        assert response is None
        assert took < 2
    hurried.until("free")


def test_steady_body_is_not_slow(hurried: Server) -> None:
    body = data(4000)
    with hurried.connect() as connection:
        connection.send(encode("POST", "/take", {"Content-Length": "4000"}))
        for first in range(0, 4000, 100):
            connection.send(body[first : first + 100])
            time.sleep(0.02)
        arrived(connection.read(), body)


def test_application_may_take_its_time(hurried: Server) -> None:
    with hurried.connect() as connection:
        assert connection.request("GET", "/slow/a?seconds=1.2").body == b"/slow/a"
        response = connection.request("POST", "/receive?later=1.2", body=data(3 << 20))
        arrived(response, data(3 << 20))


def test_the_application_hears_of_each_refusal(plain: Server) -> None:
    refused(plain, b"GET /gone HTTP/1.1\r\nUser-Agent: crane\r\n\r\n", 400)
    refused(plain, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414)
    no_host, too_long = plain.app.refusals[-2:]
    assert (no_host.status, no_host.method, no_host.target) == (400, b"GET", b"/gone")
    assert no_host.headers == [(b"user-agent", b"crane")]
    assert no_host.client is not None
    assert no_host.client[0] == "127.0.0.1"
    assert "Host" in no_host.sentence
    assert (too_long.status, too_long.target) == (414, b"")
