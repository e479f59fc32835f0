"""Every driver and every wrapper, for the suites that all of them run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.checked import Checked
from storage.content import ContentStore
from storage.driver import Driver
from storage.drivers import load
from tests.storage.faulty import Faults, Faulty

MAKERS: dict[str, Callable[[str], Driver]] = {
    "memory": lambda path: load("memory"),
    "filesystem": lambda path: load("filesystem", path=path),
    "checked-memory": lambda path: Checked(load("memory")),
    "checked-filesystem": lambda path: Checked(load("filesystem", path=path)),
    "faulty-memory": lambda path: Faulty(load("memory"), Faults()),
    "checked-faulty-filesystem": lambda path: Checked(Faulty(load("filesystem", path=path), Faults())),
}


@pytest.fixture(params=MAKERS)
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    return MAKERS[request.param](str(tmp_path / "storage"))


@pytest.fixture
def content(driver: Driver) -> ContentStore:
    return ContentStore(driver)
