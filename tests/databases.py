"""Which kind of database the tests of the whole registry run on: ENTREPOT_TEST_DATABASE, sqlite or postgresql."""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from registry.metadata import schema
from tests.postgres.server import shared

KINDS = ("sqlite", "postgresql")
KIND = os.environ.get("ENTREPOT_TEST_DATABASE", "sqlite")

assert KIND in KINDS, f"ENTREPOT_TEST_DATABASE is {KIND}: use one of {', '.join(KINDS)}"


@functools.cache
def _template() -> bytes:
    """An empty database with the newest tables: migrating takes longer than most tests."""
    folder = tempfile.mkdtemp()
    try:
        schema.upgrade(f"sqlite:///{folder}/new.db")
        return Path(folder, "new.db").read_bytes()
    finally:
        shutil.rmtree(folder)


def database_of(root: Path) -> str:
    """The URL of the database of the registry in `root`; where there was none it is new, with the newest tables."""
    if KIND == "postgresql":
        return _on_server(root)
    path = root / "entrepot.db"
    if not path.exists():
        path.write_bytes(_template())
    return f"sqlite:///{path}"


def configured(root: Path) -> dict[str, str]:
    """The variables that have a server in `root` use its database; none for the kind that it uses by itself."""
    return {"ENTREPOT_DATABASE_URL": database_of(root)} if KIND == "postgresql" else {}


@functools.cache
def _on_server(root: Path) -> str:
    return shared().new_database()


def rows(url: str, sql: str, *params: object) -> list[tuple[Any, ...]]:
    """Run a statement past the registry, with question marks for its parameters, and commit it; its rows."""
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as database:
            return database.execute(sql, params).fetchall()
    with psycopg.connect(url, autocommit=True) as server:
        cursor = server.execute(sql.replace("?", "%s").encode(), params)
        return cursor.fetchall() if cursor.description else []
