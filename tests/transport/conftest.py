"""Servers: over both event loops, plain and over TLS; and one that is in a hurry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.transport.limits import Limits
from tests.transport.content import FILE
from tests.transport.server import Server, running

LOOPS = ["uvloop", "asyncio"]

HURRY = Limits(
    header_size=4096,
    header_count=20,
    request_line=1024,
    header_timeout=0.4,
    body_timeout=0.4,
    body_rate=1000,
    keep_alive=0.6,
    connections=20,
)


@pytest.fixture(scope="session", params=["uvloop-plain", "uvloop-tls", "asyncio-plain"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("transport")
    (folder / "file").write_bytes(FILE)
    loop, _, kind = request.param.partition("-")
    with running(folder, loop, tls=kind == "tls") as made:
        yield made


@pytest.fixture(scope="session", params=LOOPS)
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For what is the same over TLS."""
    with running(tmp_path_factory.mktemp("plain"), request.param) as made:
        yield made


@pytest.fixture(scope="session", params=LOOPS)
def hurried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hurried")
    (folder / "file").write_bytes(FILE)
    with running(folder, request.param, HURRY) as made:
        yield made


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def logs_start_empty(request: pytest.FixtureRequest) -> None:
    for name in ("server", "plain", "hurried"):
        if name in request.fixturenames:
            request.getfixturevalue(name).app.log.clear()
