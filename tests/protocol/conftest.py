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
from tests.storages import KIND

_numbers = itertools.count(1)

OF_LOCAL_STORAGE = (
    "test_damage.py::",
    "test_links.py::",
    "test_lanes.py::test_damage_is_seen_on_both",
    "test_operations.py::test_not_ready_without_storage",
    "test_resume.py::test_dropped_connection",
    "test_resume.py::test_kill_in_the_middle_of_a_chunk",
    "test_sessions.py::test_a_chunk_while_another_is_on_its_way",
    "test_sessions.py::test_expiry",
    "test_shutdown.py::test_drain[",
)
"""Tests that look at files, or see a chunk before its end; tests/s3 has those of a bucket."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not about the kind of storage that these tests run on."""
    if KIND == "filesystem":
        return
    left_out = [item for item in items if any(f"protocol/{name}" in item.nodeid for name in OF_LOCAL_STORAGE)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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
