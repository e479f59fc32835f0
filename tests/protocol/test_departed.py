"""Clients that close their connection while their request waits for the database, or their answers for them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from tests.databases import database_of
from tests.protocol.client import encode
from tests.protocol.content import new_repository, noise, with_query
from tests.protocol.server import Server

DATA = noise(1000, "departed")


@contextmanager
def writes_wait(server: Server) -> Iterator[None]:
    """Nothing that the server writes to its database is done before the end of this."""
    url = database_of(server.root)
    if url.startswith("sqlite:"):
        database = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            database.close()
    else:
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE repository_blobs, repositories IN ACCESS EXCLUSIVE MODE")
            yield


@pytest.mark.parametrize("pieces", [1, 2])
def test_nothing_is_mounted(start: Callable[..., Server], pieces: int) -> None:
    """Whether the request came in one piece or not, which the transport handles in ways of their own."""
    server = start(ENTREPOT_SERVER_WORKERS="1")
    source, other = new_repository(server.client), new_repository(server.client)
    digest = source.push(DATA)
    wire = encode("POST", with_query(other.uploads, mount=digest, **{"from": source.name}), {"Content-Length": "0"})
    with writes_wait(server):
        with server.client.connect() as connection:
            for part in (wire,) if pieces == 1 else (wire[:20], wire[20:]):
                connection.send(part)
                time.sleep(0.1)
        time.sleep(0.2)
    time.sleep(0.2)
    assert other.client.head(other.blob(digest)).status == 404
    assert source.client.head(source.blob(digest)).status == 200


def test_a_reader_that_leaves_is_no_error_of_the_server(start: Callable[..., Server]) -> None:
    """Requests without end whose answers are not read, and then a reset: no line says 500."""
    server = start(ENTREPOT_SERVER_WORKERS="1")
    repository = new_repository(server.client)
    digest = repository.push(noise(300_000))
    requests = encode("GET", repository.blob(digest)) * 2000
    for _ in range(6):
        with server.client.connect(timeout=0.5) as connection, suppress(TimeoutError, ConnectionError):
            for _ in range(1000):
                connection.send(requests)
    server.stop()
    assert '"status":500' not in server.log
