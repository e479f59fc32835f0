"""What connections may hold together: how many there are, the bytes they hold, and that all of it is given back."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import cast

import pytest
import uvloop
from uvicorn.server import ServerState

from registry.transport.bounds import RESERVE, SHARE, Bounds
from registry.transport.limits import Limits
from registry.transport.protocol import HttpProtocol, Service
from tests.protocol.client import Connection, encode
from tests.transport.application import Application
from tests.transport.server import Server, certificate, running

TEN = Limits(connections=10, connections_per_client=6, header_timeout=0.5, reserved=frozenset((b"/slow/health",)))

MIB = 1 << 20


class Held:
    """A connection that notes what is done to it."""

    def __init__(self, since: float = 0.0, *, idle: bool = False) -> None:
        self.over = False
        self.held = 0
        self.since = since
        self.idle = idle
        self.ends: list[str] = []

    def shed(self) -> None:
        self.ends.append("shed")

    def cut(self) -> None:
        self.ends.append("cut")
        self.idle = False


def test_the_oldest_idle_connection_makes_room_for_a_new_one_of_its_client() -> None:
    bounds = Bounds(TEN)
    busy, old, young = Held(), Held(idle=True), Held(idle=True)
    for each in (busy, old, young, Held(), Held(), Held()):
        bounds.enter(each, ("192.0.2.1", 1))
    new = Held()
    bounds.enter(new, ("192.0.2.1", 1))
    assert (busy.ends, old.ends, young.ends, new.over) == ([], ["cut"], [], False)


def test_of_all_the_greediest_has_to_make_room_first() -> None:
    bounds = Bounds(TEN)
    modest, greedy = [Held(idle=True) for _ in range(4)], [Held(idle=True) for _ in range(6)]
    for each in modest:
        bounds.enter(each, ("192.0.2.1", 1))
    for each in greedy:
        bounds.enter(each, ("192.0.2.2", 1))
    for number in range(3):
        new = Held()
        bounds.enter(new, (f"192.0.2.{3 + number}", 1))
        assert not new.over
    assert [each.ends for each in greedy] == [["cut"]] * 3 + [[]] * 3
    assert not any(each.ends for each in modest)


def test_when_none_is_idle_a_new_one_is_over() -> None:
    bounds = Bounds(TEN)
    for number in range(10):
        bounds.enter(Held(), (f"192.0.2.{number}", 1))
    places = []
    for _ in range(RESERVE + 1):
        new = Held()
        places.append((new, bounds.enter(new, ("198.51.100.1", 1))))
        assert new.over
    assert bounds.reserve_is_full
    for new, address in places:
        bounds.leave(new, address)
        bounds.leave(new, address)  # once is enough
    assert bounds.count == 10


def test_a_trusted_proxy_stands_for_many_clients_and_a_network_for_one() -> None:
    limits = Limits(connections=100, connections_per_client=2, trusted=(ipaddress.ip_network("10.0.0.0/8"),))
    for addresses, over in (
        (["10.0.0.1"] * 3, False),
        (["::ffff:10.0.0.1"] * 3, False),
        (["192.0.2.1"] * 3, True),
        (["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"], True),
        (["2001:db8::1", "2001:db8::2", "2001:db8:0:0:f::3"], True),
        (["2001:db8::1", "2001:db8:0:1::2", "2001:db8:0:2::3"], False),
    ):
        bounds = Bounds(limits)
        held = [Held() for _ in addresses]
        for each, address in zip(held, addresses, strict=True):
            bounds.enter(each, (address, 1))
        assert held[-1].over == over, addresses


def test_too_many_bytes_end_what_holds_some_for_the_longest() -> None:
    bounds = Bounds(Limits(memory=400))
    first, second, other = Held(2.0), Held(1.0), Held(0.0)
    here, there = bounds.enter(first, ("192.0.2.1", 1)), bounds.enter(other, ("192.0.2.2", 1))
    bounds.enter(second, ("192.0.2.1", 1))
    bounds.hold(other, there, 100)
    bounds.hold(first, here, 60)
    bounds.hold(second, here, 40)
    assert [each.ends for each in (first, second, other)] == [[], [], []]
    bounds.hold(first, here, 1)
    assert (first.ends, second.ends, other.ends) == ([], ["shed"], [])
    bounds.leave(second, here)
    bounds.hold(second, here, -40)  # what it has left counts no more
    assert bounds.held == 161
    bounds.hold(first, here, 300)
    assert not first.ends, "one by itself may be large"
    assert SHARE * 100 == 400


@contextmanager
def server_of(folder: Path, limits: Limits, loop: str = "uvloop", *, tls: bool = False) -> Iterator[Server]:
    with running(folder, loop, limits, tls=tls) as server:
        yield server


def test_idle_connections_keep_no_other_client_out(tmp_path: Path, loop: str) -> None:
    with server_of(tmp_path, TEN, loop) as server, ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(40)]
        assert connections[-1].request("GET", "/fast/1").status == 200
        assert connections[0].ended()
        time.sleep(0.1)
        assert len(server.uvicorn.server_state.connections) <= 6


def test_busy_connections_leave_health_checks_a_reserve(tmp_path: Path, loop: str) -> None:
    with server_of(tmp_path, TEN, loop) as server, ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(6)]
        for connection in connections:
            connection.send(encode("GET", "/slow/a?seconds=0.6"))
        time.sleep(0.2)
        for target, status in (("/fast/1", 503), ("/slow/health", 200), ("/slow/other", 503)):
            answer = server.get(target)
            assert (answer.status, answer.closes) == (status, True)
        with server.connect() as silent:
            assert silent.ended(3), "there is no time to be idle in the reserve"
        assert [connection.read().status for connection in connections] == [200] * 6
        assert server.get("/fast/1").status == 200


def test_handshakes_are_counted_and_have_a_deadline(tmp_path: Path) -> None:
    with server_of(tmp_path, TEN, tls=True) as server, ExitStack() as stack:
        silent = [stack.enter_context(Connection(server.address, 10)) for _ in range(40)]
        time.sleep(0.2)
        assert len(server.uvicorn.server_state.connections) <= 6
        began = time.monotonic()
        silent[-1].socket.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a hello
        assert server.get("/fast/1").status == 200
        assert all(connection.ended(5) for connection in silent)
        assert time.monotonic() - began < 4
        server.until("free")


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", os.urandom(5000)])
def test_what_is_no_handshake(tmp_path: Path, garbage: bytes) -> None:
    with server_of(tmp_path, TEN, tls=True) as server:
        with Connection(server.address, 10) as connection:
            connection.send(garbage)
            with suppress(ConnectionError):
                while connection.socket.recv(4096):
                    pass
        assert server.get("/fast/1").status == 200
        server.until("free")


def test_requests_on_the_heels_of_a_handshake_wait_in_the_socket(tmp_path: Path) -> None:
    """Some loops pass megabytes on before the server knows that the handshake is over."""
    key, cert = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    app = Application(Limits(), tmp_path)

    async def scene() -> None:
        service = Service(app, context)
        ours, theirs = socket.socketpair()
        protocol = cast(HttpProtocol, service.protocol(server_state=ServerState()))
        await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
        protocol.data_received(b"\x16\x03\x01\x02\x00\x01")
        assert protocol.transport.is_reading()
        protocol.data_received(b"GET / HTTP/1.1\r\n")
        assert not protocol.transport.is_reading()
        service.stop()
        theirs.close()
        await asyncio.sleep(0.1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())
    app.close()


def resident() -> int:
    """Bytes of memory of this process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize("target", ["/fast/10", "/slow/a?seconds=0", "/deferred/0/a", "/inline/now/a"])
def test_requests_without_end_whose_answers_are_not_read(tmp_path: Path, loop: str, target: str) -> None:
    """They are taken no faster than their answers, and others are served meanwhile."""
    wire = encode("GET", target) * 2000
    with server_of(tmp_path, Limits(), loop) as server:
        before, sent = resident(), 0
        with server.connect() as connection:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.socket.settimeout(0.5)
            with suppress(TimeoutError):
                while sent < 32 * MIB:
                    sent += connection.socket.send(wire)
            began = time.monotonic()
            assert server.get("/fast/1").status == 200
            assert time.monotonic() - began < 2
            assert sent < 32 * MIB
            assert resident() - before < 24 * MIB
        server.until("free")


@pytest.mark.parametrize("tls", [False, True])
def test_nothing_survives_a_connection(tmp_path: Path, loop: str, tls: bool) -> None:
    """Without a garbage collector: there are no cycles of references."""
    wires = [
        encode("GET", "/fast/1") * 20,
        encode("GET", "/slow/a") * 20,
        encode("GET", "/deferred/0.01/none") * 3,
        encode("POST", "/inline/0.05/a", body=b"x") * 3,
        encode("POST", "/take", body=b"x" * 3 * MIB) + encode("GET", "/nosuch"),
        encode("POST", "/receive", {"Content-Length": "100"}) + b"x",
        encode("POST", "/early", body=b"x" * 1000),
        b"nonsense\r\n\r\n",
        encode("GET", "/watch"),
        b"GET /",
    ]
    with server_of(tmp_path, Limits(), loop, tls=tls) as server:
        server.get("/fast/1")
        gc.collect()
        gc.disable()
        try:
            for wire in wires:
                with server.connect() as connection:
                    connection.send(wire)
                    time.sleep(0.1)
            server.until("free")
            time.sleep(0.2)
            names = {"HttpProtocol", "HttpExchange", "Connection", "Deferral"}
            left = [each for each in gc.get_objects() if type(each).__name__ in names]
            assert [each for each in left if type(each).__module__.startswith("registry.")] == []
        finally:
            gc.enable()


def test_bodies_that_are_collected_and_never_end(tmp_path: Path, loop: str) -> None:
    limits = Limits(memory=16 * MIB)
    with server_of(tmp_path, limits, loop) as server, ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in connections:
            connection.send(encode("POST", "/receive", {"Content-Length": str(2 * MIB)}) + b"x" * MIB)
            time.sleep(0.03)
        time.sleep(0.3)
        assert server.uvicorn.config.http is not None
        ended = 0
        for connection in connections:
            if connection.readable(0.0):
                answer = connection.read()
                assert (answer.status, answer.closes) == (503, True)
                ended += 1
        assert ended >= 15
        connections[-1].send(b"x" * MIB)
        assert connections[-1].read().status == 200, "the last ones go on"


def test_answers_that_are_not_read(tmp_path: Path, loop: str) -> None:
    limits = Limits(memory=16 * MIB)
    with server_of(tmp_path, limits, loop) as server, ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(30)]
        for connection in connections:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.send(encode("GET", f"/fast/{8 * MIB}"))
            time.sleep(0.02)
        assert server.get("/fast/1").status == 200
        time.sleep(0.3)
        assert server.uvicorn.service.bounds.held <= 16 * MIB
        assert 1 <= len(server.uvicorn.server_state.connections) <= 5


def test_small_chunks_keep_no_other_client_waiting(tmp_path: Path) -> None:
    wire = b"1\r\nx\r\n" * 20_000
    with server_of(tmp_path, Limits()) as server, ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(3)]
        for connection in connections:
            connection.send(encode("POST", "/take", {"Transfer-Encoding": "chunked"}))
            connection.socket.setblocking(False)
        waits = []
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for connection in connections:
                with suppress(BlockingIOError):
                    connection.socket.send(wire)
            began = time.monotonic()
            assert server.get("/fast/1").status == 200
            waits.append(time.monotonic() - began)
        assert sorted(waits)[len(waits) // 2] < 0.3
        assert max(waits) < 1.5
