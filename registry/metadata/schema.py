"""The version of the tables: which one a database has, and the way up and down. The steps are in `migrations`.

Several processes may start at once on a new folder: they take turns on a lock, and those that come later find the
work done. A whole upgrade is one transaction, so that a kill in the middle leaves the old version. All raise
DatabaseError when the database does not do what it is asked.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from registry.metadata.database import backend_for
from registry.metadata.errors import DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0004"

_LOCK_NUMBER = 0x656E7472  # any number, the same in every process


def current(url: str) -> str | None:
    """The version of the database, or None when it is not there or holds no tables."""
    file = _file(url)
    if file is not None and not file.exists():
        return None
    with _connected(url) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return version


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the tables up to this version, making them when there are none."""
    if revision == "head":
        found = current(url)
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise DatabaseError(
                f"the database is of a newer version (revision {found}; this version knows {HEAD}): start the version "
                "that upgraded it, or restore the backup from before the upgrade"
            )
    from alembic import command  # slow to import, and not needed at an ordinary start

    _migrate(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str) -> None:
    """Bring the tables down to this version; "base" removes them."""
    from alembic import command  # slow to import, and not needed at an ordinary start

    _migrate(url, lambda config: command.downgrade(config, revision))


def _migrate(url: str, step: "Callable[[Config], None]") -> None:
    from alembic.config import Config  # slow to import, and not needed at an ordinary start

    config = Config()
    with resources.as_file(resources.files("migrations")) as scripts, _turn(url), _connected(url) as connection:
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
            # A process that serves meanwhile waits behind a change of a table that waits itself: not for long.
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        step(config)
        connection.commit()


@contextlib.contextmanager
def _turn(url: str) -> Iterator[None]:
    """Wait for the processes that migrate the same file; a kill frees the lock."""
    file = _file(url)
    if file is None:
        yield
        return
    lock = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # SQLite would let everybody read it, as the umask has it; its log gets the mode of the database.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Connection]:
    backend = backend_for(url)
    engine = backend.engine()
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        ours = None if error.orig is None else backend.translate(error.orig)
        if ours is None:
            raise
        raise ours from error
    finally:
        engine.dispose()
        backend.close()


def _file(url: str) -> Path | None:
    return Path(make_url(url).database or "") if url.startswith("sqlite:") else None
