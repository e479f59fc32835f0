"""How the server stops: what is under way ends well, nothing new begins, and it does not take for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.protocol.client import Closed, encode
from tests.protocol.content import OCTETS, new_repository, noise
from tests.protocol.server import Server, wait_until

DATA = noise(600_000, "shutdown")


def starts_refusing(server: Server) -> None:
    """New connections are refused, or closed without an answer."""

    def is_refusing() -> bool:
        try:
            with server.client.connect(2) as connection:
                return connection.request("GET", "/v2/").status == 503
        except (OSError, Closed):
            return True

    wait_until(is_refusing, 5, "new connections are still served")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_drain(start: Callable[..., Server], workers: str) -> None:
    server = start(ENTREPOT_SERVER_WORKERS=workers)
    repository = new_repository(server.client)
    location = repository.start()
    digest = repository.push(DATA)
    upload, download, idle = (server.client.connect() for _ in range(3))
    upload.send(encode("PATCH", location, OCTETS | {"Content-Length": str(len(DATA))}) + DATA[:300_000])
    assert idle.request("GET", "/v2/").status == 200
    wait_until(lambda: server.client.get(location).header("range") != "0-0", 10, "the upload does not arrive")
    download.send(encode("GET", repository.blob(digest)))
    server.terminate()
    starts_refusing(server)
    assert idle.ended(5), "a connection without a request is kept while draining"
    assert download.read().body == DATA
    time.sleep(0.5)
    upload.send(DATA[300_000:])
    response = upload.read()
    assert response.status == 202, response
    assert response.header("range") == f"0-{len(DATA) - 1}"
    assert server.wait(10) == 0
    for connection in (upload, download, idle):
        connection.close()
    server.start()
    assert repository.close(location, digest).status == 201


def test_drain_has_an_end(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_SERVER_DRAIN_TIMEOUT="1s")
    repository = new_repository(server.client)
    with server.client.connect() as connection:
        connection.send(encode("PATCH", repository.start(), OCTETS | {"Content-Length": "600000"}) + DATA[:300_000])
        began = time.monotonic()
        server.terminate()
        assert server.wait(10) == 0
        assert 0.9 < time.monotonic() - began < 6


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stops_at_once_without_work(start: Callable[..., Server], workers: str) -> None:
    server = start(ENTREPOT_SERVER_WORKERS=workers)
    with server.client.connect() as connection:
        assert connection.request("GET", "/v2/").status == 200
        began = time.monotonic()
        server.terminate()
        assert server.wait(10) == 0
        assert time.monotonic() - began < 5
