"""All that is only true of SQLite.

The database is in write-ahead logging mode. A durable commit waits for the disk after it has let go of the lock (see
`wal`), any other does not; either way a kill of the process loses nothing, and a later durable commit makes earlier
ones durable too, since they stand before it in the one log. The log is copied into the database by a thread of its own
(a passive checkpoint, which stops neither readers nor writers), so that no commit has to wait for that.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from registry import cores
from registry.metadata.backend import on_a_loop
from registry.metadata.errors import (
    DatabaseDamaged,
    DatabaseError,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseUnavailable,
)
from registry.metadata.files import DatabaseFile
from registry.metadata.session import CursorSession
from registry.metadata.wal import WriteAheadLog

BUSY_TIMEOUT = 10.0
READ_TIMEOUT = 0.005
"""Seconds that a read waits for a lock in SQLite itself, where it may hold up an event loop (see Database.read)."""
MIGRATION_TIMEOUT = 60.0
CACHE_KIB, THREAD_CACHE_KIB = 16 * 1024, 2 * 1024
"""Pages that a connection keeps: the writer's and a loop's; and that of any other thread, of which there are many."""
CHECKPOINT_WRITES = 500
"""A checkpoint is made in the background after this many writes."""
CHECKPOINT_PAGES = 8192
"""A commit that finds the log this long (32 MiB) makes the checkpoint itself, so that the log is bounded."""

# SQLite's own waiting for another process backs off to a tenth of a second, with commits that take a thousandth.
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.002

_SHM_FULL = sqlite3.SQLITE_IOERR_SHMSIZE
_OUTSIDE = {
    sqlite3.SQLITE_FULL: DatabaseFull,
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
    sqlite3.SQLITE_PERM: DatabaseReadOnly,
    sqlite3.SQLITE_BUSY: DatabaseLocked,
    sqlite3.SQLITE_LOCKED: DatabaseLocked,
    sqlite3.SQLITE_IOERR: DatabaseUnavailable,
    sqlite3.SQLITE_CORRUPT: DatabaseDamaged,
    sqlite3.SQLITE_CANTOPEN: DatabaseUnavailable,
    sqlite3.SQLITE_PROTOCOL: DatabaseUnavailable,
    sqlite3.SQLITE_NOTADB: DatabaseDamaged,
    sqlite3.SQLITE_NOMEM: DatabaseUnavailable,
    sqlite3.SQLITE_INTERRUPT: DatabaseUnavailable,
}

_DAMAGE = ("no such table", "Could not decode to UTF-8")
"""How errors begin that have no code of their own, and are no mistake of this program."""


class Sqlite:
    """The embedded database in one file."""

    inline_reads = True
    retry_seconds = 0.0

    def __init__(self, url: str, *, readers: int = 0, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self.readers = readers
        parsed = make_url(url)
        if parsed.database in (None, "", ":memory:"):
            raise ValueError(
                f"database url {url} names no file: write sqlite:///PATH, each connection needs the same one"
            )
        self._engine = create_engine(
            parsed,
            poolclass=NullPool,
            paramstyle="named",
            creator=self._opened,
        )
        event.listen(self._engine, "connect", _prepare)
        self._busy_timeout = busy_timeout
        self._file = DatabaseFile(parsed.database or "")
        self._log = WriteAheadLog(parsed.database or "")
        self._writes = 0
        self._checkpointer: _Checkpointer | None = None

    def _opened(self) -> sqlite3.Connection:
        """Never makes a database: `engine` does, for the migrations, before anything is served."""
        connection = sqlite3.connect(
            f"file:{quote(self._file.path)}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=min(READ_TIMEOUT, self._busy_timeout),
            cached_statements=256,
            check_same_thread=False,
        )
        try:
            self._file.check()
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self, *, writer: bool) -> "SqliteConnection":
        """A new connection in autocommit; one that is not for the writer refuses to write."""
        kind = _Writer if writer else SqliteConnection
        opened = self._patiently(self._engine.raw_connection) if writer else self._engine.raw_connection()
        connection = kind(opened, self._engine.dialect, self._busy_timeout, self._file, self._log)
        if writer:
            connection.session.sql("PRAGMA busy_timeout = 0")
            connection.session.sql("PRAGMA synchronous = NORMAL")
        else:
            connection.session.sql("PRAGMA query_only = ON")
            if not on_a_loop():
                connection.session.sql(f"PRAGMA cache_size = -{THREAD_CACHE_KIB}")
        return connection

    def _patiently(self, connect: Callable[[], PoolProxiedConnection]) -> PoolProxiedConnection:
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                return connect()
            except sqlite3.OperationalError as error:
                if not isinstance(self.translate(error), DatabaseLocked) or time.monotonic() > deadline:
                    raise
            time.sleep(_LONGEST_PAUSE)

    def engine(self) -> Engine:
        """SQLAlchemy's own way to connect, for migrations alone."""
        arguments = {"isolation_level": None, "timeout": MIGRATION_TIMEOUT}
        return create_engine(self._engine.url, poolclass=NullPool, connect_args=arguments)

    def translate(self, error: BaseException) -> DatabaseError | None:
        """A new error of ours for one that comes from outside this program; None for any other."""
        if isinstance(error, DatabaseError):
            return type(error)(*error.args)
        if not isinstance(error, sqlite3.DatabaseError):
            return None
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        kind = DatabaseFull if code == _SHM_FULL else _OUTSIDE.get(code & 0xFF)
        if kind is None:
            if not str(error).startswith(_DAMAGE):
                return None
            kind = DatabaseDamaged
        name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        return kind(f"database {self._file.path}: {error} ({name})")

    def lost(self, error: BaseException) -> bool:
        """Never: what a file does not do on one connection it does not do on another."""
        return False

    def refused(self, error: BaseException) -> bool:
        """Whether a constraint is against it."""
        return isinstance(error, sqlite3.IntegrityError)

    def committed(self, writes: int) -> None:
        """Count writes, and have the log copied into the database now and then."""
        self._writes += writes
        if self._writes < CHECKPOINT_WRITES:
            return
        self._writes = 0
        if self._checkpointer is None:
            self._checkpointer = _Checkpointer(self)
        self._checkpointer.wake()

    def close(self) -> None:
        """Stop what runs in the background."""
        if self._checkpointer is not None:
            self._checkpointer.stop()
        self._log.end()
        self._engine.dispose()


class SqliteConnection:
    """One connection to the file."""

    def __init__(
        self,
        connection: PoolProxiedConnection,
        dialect: Dialect,
        busy_timeout: float,
        file: DatabaseFile,
        log: WriteAheadLog,
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._busy_timeout = busy_timeout
        self._file = file
        self._log = log
        self._durable = False
        self.session = CursorSession(self._cursor, dialect)

    def begin(self, *, durable: bool) -> None:
        """Begin a write transaction at once, so that it cannot fail half-way for another's lock."""
        self._file.check()
        if self._log.gone:
            raise self._removed()
        if self._log.doubtful or self._log.is_gone():
            self._mend()
        cursor = self._cursor
        self._durable = durable
        deadline = time.monotonic() + self._busy_timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def commit(self) -> None:
        self._cursor.execute("COMMIT")
        if self._durable:
            self._log.sync()
            self._file.check()

    def _mend(self) -> None:
        """Have all of a log that could not be synced in the database, on the disk. Raises DatabaseUnavailable."""
        self.session.sql("PRAGMA synchronous = FULL")
        [(busy, logged, copied)] = self.session.sql("PRAGMA wal_checkpoint(FULL)")
        if busy or copied < logged:
            raise DatabaseUnavailable("the database's log could not be synced, and is not copied yet; try again")
        self.session.sql("PRAGMA synchronous = NORMAL")
        self._log.doubtful = False
        if self._log.is_gone():
            raise self._removed()

    def _removed(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"database {self._file.path}: its log {self._file.path}-wal was removed; what was in it is in the database "
            "now, restart the server"
        )

    def rollback(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError):  # a failed COMMIT may have done it
            self._cursor.execute("ROLLBACK")

    def savepoint(self) -> None:
        self._cursor.execute("SAVEPOINT one_write")

    def release(self) -> None:
        self._cursor.execute("RELEASE SAVEPOINT one_write")

    def rollback_to_savepoint(self) -> None:
        self._cursor.execute("ROLLBACK TO SAVEPOINT one_write")
        self._cursor.execute("RELEASE SAVEPOINT one_write")

    def generation(self) -> object:
        self._cursor.execute("PRAGMA data_version")
        [(version,)] = self._cursor.fetchall()
        return version

    def close(self) -> None:
        self._connection.close()


class _Writer(SqliteConnection):
    """The connection that commits; the log's file is its own, as no other of this process syncs it."""

    def close(self) -> None:
        self._log.close()
        super().close()


def _prepare(connection: sqlite3.Connection, record: object) -> None:
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_PAGES * 4096}")
    cursor.close()


class _Checkpointer:
    """Copies the log into the database when it is woken, and again while writers add to it meanwhile."""

    _ROUNDS = 3

    def __init__(self, backend: Sqlite) -> None:
        self._backend = backend
        self._wanted = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="metadata-checkpoint", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._wanted.set()

    def stop(self) -> None:
        self._stopping = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        cores.anywhere()
        while self._wanted.wait() and not self._stopping:
            self._wanted.clear()
            # A full or failing disk shows itself to the writers; the log is only copied later.
            with contextlib.suppress(sqlite3.Error):
                self._checkpoint()

    def _checkpoint(self) -> None:
        with contextlib.closing(self._backend.connect(writer=False)) as connection:
            session = connection.session
            for _ in range(self._ROUNDS):
                [(busy, logged, copied)] = session.sql("PRAGMA wal_checkpoint(PASSIVE)")
                if busy or copied >= logged:
                    break
            else:
                # Writers add as fast as it copies. The little that is left is copied while they wait, once the log is
                # long, so that the next of them starts it anew.
                if logged > 2 * CHECKPOINT_PAGES:
                    session.sql("PRAGMA wal_checkpoint(RESTART)")
