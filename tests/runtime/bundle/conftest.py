"""One docker engine for all tests of this room."""

from collections.abc import Iterator

import pytest

from tests.runtime.bundle.docker import Engine, running_engine


@pytest.fixture(scope="package")
def engine() -> Iterator[Engine]:
    with running_engine() as running:
        yield running
