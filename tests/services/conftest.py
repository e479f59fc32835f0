"""A registry of its own for each test that asks for one, or its parts over each kind of storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.drivers import load
from tests.application import Registry
from tests.services.parts import Parts


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with Registry(tmp_path / "root") as running:
        yield running


@pytest.fixture(params=["memory", "filesystem"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path / "root", load(request.param, path=str(tmp_path / "root" / "storage")))
    yield made
    made.close()
