"""The `database` fixture: every store's tests run once for each kind of database in KINDS."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.metadata import schema
from registry.metadata.database import Database
from tests.postgres.server import shared


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/entrepot.db"


def postgres_url(folder: Path) -> str:
    return shared().empty_database()


# A new kind of database adds a function that makes the URL of an empty one.
KINDS: dict[str, Callable[[Path], str]] = {"postgresql": postgres_url, "sqlite": sqlite_url}


@pytest.fixture(params=sorted(KINDS))
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that holds nothing."""
    return KINDS[request.param](tmp_path)


@pytest.fixture
def url(empty_url: str) -> str:
    """The URL of a database with the newest tables."""
    schema.upgrade(empty_url)
    return empty_url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An open database with the newest tables."""
    opened = Database.open(url)
    yield opened
    opened.close()
