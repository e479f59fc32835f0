"""Whose socket is at the other end of a connection."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from registry.transport.peer import End, uid_of
from tests.e2e.tools import system_tool


@contextmanager
def connected(family: int, listen: str, connect: str) -> Iterator[tuple[End, End]]:
    """The ends of a connection as its server sees them: the peer's, its own."""
    with ExitStack() as stack:
        server = stack.enter_context(closing(socket.socket(family)))
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((listen, 0))
        server.listen()
        stack.enter_context(closing(socket.create_connection((connect, server.getsockname()[1]))))
        accepted, peer = server.accept()
        stack.enter_context(accepted)
        yield (peer[0], peer[1]), accepted.getsockname()[:2]


@pytest.mark.parametrize(
    ("family", "listen", "connect"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", "127.0.0.2"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "127.0.0.1"),
        (socket.AF_INET6, "::", "::ffff:127.0.0.1"),
    ],
)
def test_a_process_of_ours(family: int, listen: str, connect: str) -> None:
    with connected(family, listen, connect) as (peer, here):
        assert uid_of(peer, here) == os.geteuid()
        assert uid_of((peer[0], peer[1] ^ 1), here) is None
    assert uid_of(peer, here) is None  # it is closed by now


def test_a_process_of_another_user() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        command = [str(system_tool("busybox")), "nc", "127.0.0.1", str(server.getsockname()[1])]
        with subprocess.Popen(
            command, user=65534, group=65534, extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as other:
            accepted, peer = server.accept()
            with accepted:
                assert uid_of(peer, accepted.getsockname()) == 65534
            other.kill()


def test_another_machine_has_no_user() -> None:
    assert uid_of(("192.0.2.7", 1234), ("192.0.2.1", 5000)) is None
    assert uid_of(("127.0.0.1", 1234), ("192.0.2.1", 5000)) is None
    assert uid_of(("2001:db8::7%eth0", 1234), ("2001:db8::1", 5000)) is None
    with pytest.raises(ValueError, match="address"):
        uid_of(("/run/some.sock", 0), ("127.0.0.1", 5000))
