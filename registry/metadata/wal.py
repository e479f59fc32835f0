"""SQLite's write-ahead log made durable after the commit, and not within it.

SQLite's own way, `synchronous = FULL`, waits for the disk under the write lock: writers of other processes wait along
with it. Here a commit only writes to the log; then the lock is free, and a writer that must wait for the disk syncs the
log, with all that stands before in it. Others may see a commit a moment before it is durable;
what they commit on the strength of it stands behind it in the same log.

A sync that fails leaves nothing to trust: the system may forget the bytes and say nothing the next time. Then nothing
is begun before a checkpoint has copied the log into the database and synced that.
"""

from __future__ import annotations

import contextlib
import errno
import os

from registry.metadata.errors import DatabaseError, DatabaseFull, DatabaseReadOnly, DatabaseUnavailable
from registry.metadata.files import SERVED, identity

_KINDS: dict[int | None, type[DatabaseError]] = {
    errno.ENOSPC: DatabaseFull,
    errno.EDQUOT: DatabaseFull,
    errno.EROFS: DatabaseReadOnly,
}


class WriteAheadLog:
    """Of the database in the file `path`; used by one thread at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._expected: tuple[int, int] | None = None
        self._announced = False
        self.gone = False
        """Whether the log was removed: for good, as SQLite makes another that has nothing of what was in it."""
        self.doubtful = False
        """Whether a sync has failed since the last checkpoint."""

    def sync(self) -> None:
        """Have everything on the disk that was committed before. Raises DatabaseError."""
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
                self._announce()
                found = os.fstat(self._descriptor)
                self._expected = found.st_dev, found.st_ino
            os.fdatasync(self._descriptor)
            if self.is_gone():
                raise FileNotFoundError(errno.ENOENT, "it was removed or replaced")
        except OSError as error:
            self.doubtful = True
            kind = _KINDS.get(error.errno, DatabaseUnavailable)
            raise kind(f"database {self._path}: its log cannot be synced: {error.strerror}") from error

    def is_gone(self) -> bool:
        """Whether the file that is open is not what its name leads to."""
        if self._descriptor >= 0 and identity(f"{self._path}-wal") != self._expected:
            self.gone = True
        return self.gone

    def end(self) -> None:
        """The database is closed as it should be: it may be without a log from now on."""
        if self._announced:
            with contextlib.suppress(OSError):
                os.unlink(self._path + SERVED)

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            os.close(os.open(self._path + SERVED, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))

    def close(self) -> None:
        """Let go of the file: with its last connection SQLite removes it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)
