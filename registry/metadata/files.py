"""Which files a SQLite database is, by device and inode: those that a server has open, or others of the same name.

A database that is moved, replaced or removed is written to all the same by who has it open, and what is committed then
is gone with the process. So its names are looked at before a write begins and before a durable one is acknowledged.
"""

from __future__ import annotations

import os

from registry.metadata.errors import DatabaseUnavailable

SERVED = "-served"
"""Beside the database from the first commit of a server to its end, if that is a clean one: until then it has a log."""


class DatabaseFile:
    """The file `path`, as it was when it was first connected to."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._expected: tuple[int, int] | None = None

    def check(self) -> None:
        """Raises DatabaseUnavailable unless the name leads to the file that it led to the first time."""
        found = identity(self.path)
        if self._expected is None:
            self._expected = found
        if found is None or found != self._expected:
            raise DatabaseUnavailable(
                f"database {self.path} is not the file that the server was started with (moved, replaced or removed); "
                "put it back, or restart the server if it is to be another"
            )


def identity(path: str) -> tuple[int, int] | None:
    """Device and inode; None where nothing is."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def lost_log(path: str) -> str:
    """What to warn of when a database that was not closed is without its log, "" otherwise; said once."""
    try:
        os.unlink(path + SERVED)
    except OSError:
        return ""
    if os.path.exists(f"{path}-wal") or not os.path.exists(path):
        return ""
    return (
        f"database {path} was not closed by its server, and its log {path}-wal is gone: if it was removed, the last "
        "changes that were acknowledged are lost; stop the server and restore the log, or a backup of both (nothing is "
        "lost if another program has opened and closed the database since)"
    )
