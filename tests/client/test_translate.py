"""What urllib3 raises never leaves the room."""

from __future__ import annotations

import inspect
import socket

import pytest
from urllib3 import exceptions as foreign

from registry.client.client import Client
from registry.client.errors import Dropped, InvalidName, NoTls, TimedOut, UnknownHost, Unreachable
from registry.client.translate import MAP
from tests.client.pushed import QUICK
from tests.client.scripted import Asked, Reply, scripted
from tests.ports import free_port
from tests.protocol.server import Server

TOO_WIDE = (foreign.HTTPError, foreign.ProxySchemeUnknown, foreign.MaxRetryError)
"""The base of all, and two that stand for others."""

EXCEPTIONS = [
    kind
    for _, kind in inspect.getmembers(foreign, inspect.isclass)
    if issubclass(kind, Exception)
    and not issubclass(kind, Warning)
    and kind.__module__ == foreign.__name__
    and kind not in TOO_WIDE
]


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_every_exception_is_in_the_map(kind: type[Exception]) -> None:
    assert any(parent in MAP for parent in kind.__mro__), f"{kind.__name__} becomes nothing in particular"


def test_the_list_is_not_empty() -> None:
    assert len(EXCEPTIONS) > 20


def test_nobody_listens() -> None:
    with pytest.raises(Unreachable, match=r"cannot reach 127\.0\.0\.1:\d+: connection refused"):
        Client(f"127.0.0.1:{free_port()}", retry=QUICK).login()


def test_no_such_name() -> None:
    with pytest.raises(UnknownHost, match="the name is not known"):
        Client("registry.invalid").login()


def test_what_cannot_stand_in_a_header(client: Client) -> None:
    for media_type in ("a\nb: c", "\u2713"):
        with pytest.raises(InvalidName, match="cannot be asked"):
            client.push_manifest("a", "b", b"{}", media_type)


def test_no_tls(server: Server) -> None:
    with pytest.raises(NoTls, match="no TLS with"):
        Client(f"127.0.0.1:{server.port}", plain_http=False, retry=QUICK).login()


def test_nothing_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TimedOut, match="does not answer"):
            Client(f"127.0.0.1:{port}", timeout=0.05, retry=QUICK).login()


def test_the_connection_ends() -> None:
    def cut(_: Asked) -> Reply:
        return Reply(200, b"{}" * 100, sent=10)

    with scripted(cut) as server, pytest.raises(Dropped, match="was dropped"):
        Client(server.host, plain_http=True, retry=QUICK).manifest("a", "b")
