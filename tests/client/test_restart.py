"""A registry that is killed and comes back while bytes are on their way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from registry.client.client import Client
from tests.client.pushed import opener
from tests.protocol.content import digest_of, noise
from tests.protocol.server import Server, running

DATA = noise(8_000_000)
DIGEST = digest_of(DATA)
AWAY = 0.3
"""Seconds between its death and its start; it needs about one more to be ready."""


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as server:
        yield server


def kill_and_start(server: Server) -> threading.Timer:
    def start() -> None:
        server.start()
        server.client.close()  # of this thread

    server.kill()
    back = threading.Timer(AWAY, start)
    back.start()
    return back


def test_while_pulling(mortal: Server) -> None:
    client = Client(f"127.0.0.1:{mortal.port}")
    client.push_blob("a", DIGEST, len(DATA), opener(DATA))
    with client.blob("a", DIGEST, size=len(DATA)) as reader:
        pulled = b""
        while len(pulled) < 1_000_000:
            pulled += reader.read(100_000)
        back = kill_and_start(mortal)
        assert pulled + reader.read() == DATA
    back.join()


def test_while_pushing(mortal: Server) -> None:
    killed: list[threading.Timer] = []

    class Deadly(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 2_000_000 and not killed:
                killed.append(kill_and_start(mortal))
            return super().read(size)

    def open_at(offset: int) -> BinaryIO:
        return Deadly(DATA[offset:])

    client = Client(f"127.0.0.1:{mortal.port}")
    assert client.push_blob("a", DIGEST, len(DATA), open_at)
    killed[0].join()
    assert client.has_blob("a", DIGEST) == len(DATA)
