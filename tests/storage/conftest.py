"""Every driver and every wrapper, for the suites that all of them run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.checked import Checked
from storage.content import ContentStore
from storage.driver import Driver
from storage.drivers import load
from tests.s3.seaweed import seaweed
from tests.s3.servers import S3Server, bucket_settings, gateway, moto
from tests.s3.swift import swift
from tests.storage.faulty import Faults, Faulty

LOCAL: dict[str, Callable[[str], Driver]] = {
    "memory": lambda path: load("memory"),
    "filesystem": lambda path: load("filesystem", path=path),
    "checked-memory": lambda path: Checked(load("memory")),
    "checked-filesystem": lambda path: Checked(load("filesystem", path=path)),
    "faulty-memory": lambda path: Faulty(load("memory"), Faults()),
    "checked-faulty-filesystem": lambda path: Checked(Faulty(load("filesystem", path=path), Faults())),
}

SLOW = ("swift", "seaweed")
REMOTE = {"moto": False, "checked-moto": True, "gateway": False, "checked-gateway": True} | dict.fromkeys(SLOW, False)
"""The kind of S3 server, and whether the driver is wrapped."""

REMOTE_PARAMETERS = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in REMOTE]


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def gateway_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture(scope="session")
def swift_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with swift(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


def make(name: str, request: pytest.FixtureRequest, folder: Path) -> Driver:
    """The driver of that name, with nothing stored."""
    if name in LOCAL:
        return LOCAL[name](str(folder / "storage"))
    server: S3Server = request.getfixturevalue(f"{name.removeprefix('checked-')}_server")
    made = load("s3", **bucket_settings(server))
    return Checked(made) if REMOTE[name] else made


@pytest.fixture(params=[*LOCAL, *REMOTE_PARAMETERS])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    return make(request.param, request, tmp_path)


@pytest.fixture(params=LOCAL)
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    """A driver whose partial files are locked files that say all about themselves."""
    return make(request.param, request, tmp_path)


@pytest.fixture(params=REMOTE_PARAMETERS)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    """A driver whose partial files are what the state says."""
    return make(request.param, request, tmp_path)


@pytest.fixture
def content(driver: Driver) -> ContentStore:
    return ContentStore(driver)
