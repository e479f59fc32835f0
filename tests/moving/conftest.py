"""The fixtures of the index, over each kind of database."""

import pytest

from tests.metadata.conftest import database, empty_url, url

__all__ = ["anyio_backend", "database", "empty_url", "url"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
