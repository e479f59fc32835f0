"""A place of namespaces for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.network.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A host of the test's own."""
    made = Place(tmp_path)
    yield made
    made.close()
