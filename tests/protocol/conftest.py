"""Servers and repositories for the protocol tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.protocol.client import Client
from tests.protocol.content import Repository, new_repository
from tests.protocol.server import Server, running

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server in its default configuration, shared by the tests that do not harm it."""
    with running(tmp_path_factory.mktemp("default")) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    yield server.client
    server.client.close()


@pytest.fixture
def repository(client: Client) -> Repository:
    """A repository nobody has used before."""
    return new_repository(client)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers of the test's own: start(ENTREPOT_...="value")."""
    with ExitStack() as stack:

        def started(**variables: str) -> Server:
            folder = tmp_path / f"server-{next(_numbers)}"
            folder.mkdir()
            return stack.enter_context(running(folder, variables))

        yield started
