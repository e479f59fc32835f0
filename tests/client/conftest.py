"""A server of ours, and clients of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.client.client import Client
from tests.client.certificates import Pair, pair
from tests.protocol.server import Server, running

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real server, shared by all tests of the client."""
    with running(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    made = Client(f"127.0.0.1:{server.port}")
    yield made
    made.close()


@pytest.fixture
def name() -> str:
    """A repository nobody has used before."""
    return f"team-{next(_numbers)}/app"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A certificate for this machine and its key."""
    return pair(tmp_path_factory.mktemp("keys"))


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of whoever runs the tests leads nowhere."""
    for variable in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
