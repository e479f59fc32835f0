"""All that is only true of PostgreSQL.

Writers of all processes take turns on an advisory lock that a transaction holds to its end, as they do on the write
lock of SQLite. So what holds there holds here: ids of events are in the order of commits, what was looked up is still
so when it is written, and there are no conflicts to be tried again. A reader has a transaction per statement.

A connection tells which server it wants: one that is no standby, unless the URL says otherwise. Of several hosts in a
URL libpq takes the first that fits, so a failover is a lost connection and a new one.

A pooler in between may give each transaction to another of the server's processes. It shows: the process that answers
is not the one that libpq was told of. Nothing is then left in a process for later, neither settings nor prepared
statements.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Dialect, Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.pool import NullPool

from registry.metadata import read_only
from registry.metadata.backend import Observe
from registry.metadata.errors import (
    DatabaseError,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseUnavailable,
    InReadOnlyWindow,
)
from registry.metadata.postgres.generations import Generations
from registry.metadata.postgres.pipeline import Pipeline
from registry.metadata.postgres.wire import ANSWER_SECONDS, NOT_SO, Assumption, Wire, WireSession

RETRY_SECONDS = 5.0
"""Seconds in which a restarted or failed-over database is waited for by a write."""

WRITE_LOCK = 0x656E74726570  # any number, the same in every version
LOCK_SQL = f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"

DEFAULTS = {
    "connect_timeout": "5",
    "application_name": "entrepot",
    "target_session_attrs": "primary",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""What a URL can say and this one does not."""

SETTINGS = {
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    # A process that is stopped in the middle of a transaction would keep all others from writing.
    "idle_in_transaction_session_timeout": "10s",
}

_FULL = frozenset(("53100",))
_READ_ONLY = frozenset(("25006",))
_UNAVAILABLE_CLASSES = ("08", "28", "3D", "53", "57", "58", "XX")
_UNAVAILABLE = frozenset(("40001", "40P01", "42501", "55P03", "25P03", "25P04"))
_LOST_CLASSES = ("08", "57P", "25P03", "25P04", "25006", "53300")


class Postgres:
    """A database on a server."""

    inline_reads = False
    retry_seconds = RETRY_SECONDS

    def __init__(
        self,
        url: str,
        *,
        readers: int,
        retry_seconds: float = RETRY_SECONDS,
        answer_within: float = ANSWER_SECONDS,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.readers = readers
        self.retry_seconds = retry_seconds
        self._answer_within = answer_within
        self._settings = SETTINGS | dict(settings or {})
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ValueError(f"database url cannot be read: {str(error).strip()}") from error
        self._conninfo = make_conninfo("", **(DEFAULTS | given | {"client_encoding": "UTF8"}))
        self._name = f"{given.get('host', 'local')}/{given.get('dbname', '')}"
        self._assumption = Assumption()
        self._dialect: Dialect = psycopg_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

    def connect(self, *, writer: bool) -> "PostgresConnection":
        """A new connection; one that is not for the writer refuses to write, where no pooler is in between."""
        wire = self._wire(writer=writer)
        session = WireSession(wire, self._dialect, self._assumption)
        return PostgresConnection(wire, session, {} if wire.prepares else self._settings)

    def reads(self, loop: asyncio.AbstractEventLoop, connections: int, observe: Observe) -> Pipeline:
        """Reads on so many connections at most."""
        connect = partial(self._wire, writer=False)
        return Pipeline(loop, connect, self._lost_to_reads, self._dialect, connections, self._answer_within, observe)

    def generations(self, loop: asyncio.AbstractEventLoop) -> Generations:
        """What was committed so far, on a connection of its own."""
        return Generations(self.reads(loop, 1, None))

    def _wire(self, *, writer: bool) -> Wire:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        try:
            settings = self._settings if writer else self._settings | {"default_transaction_read_only": "on"}
            itself = f"pg_backend_pid() = {connection.info.backend_pid}"
            direct = connection.execute(f"{_set(settings, local=False)} WHERE {itself}").fetchone() is not None
            return Wire(connection, self._answer_within, prepares=direct)
        except BaseException:
            connection.close()
            raise

    def engine(self) -> Engine:
        """SQLAlchemy's own way to connect, for migrations alone."""
        return create_engine(
            "postgresql+psycopg://",
            poolclass=NullPool,
            creator=lambda: psycopg.connect(self._conninfo, prepare_threshold=None),
        )

    def translate(self, error: BaseException) -> DatabaseError | None:
        """A new error of ours for one that comes from outside this program; None for any other."""
        if isinstance(error, DatabaseError):
            return type(error)(*error.args)
        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate or ""
        text = f"database {self._name}: {str(error).strip()}"
        if state in _FULL:
            return DatabaseFull(text)
        if state in _READ_ONLY:
            return DatabaseReadOnly(text)
        if state == NOT_SO:
            return InReadOnlyWindow(read_only.SENTENCE)
        if state.startswith(_UNAVAILABLE_CLASSES) or state in _UNAVAILABLE:
            return DatabaseUnavailable(text)
        if not state and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            return DatabaseUnavailable(text)
        return None

    def lost(self, error: BaseException) -> bool:
        """Whether the server or the way to it is gone, or it is not what it was taken for."""
        if isinstance(error, psycopg.Error) and error.sqlstate == NOT_SO:
            return True
        if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)):
            return False
        return not error.sqlstate or error.sqlstate.startswith(_LOST_CLASSES)

    def _lost_to_reads(self, error: BaseException) -> bool:
        """The same; a read that changes something is refused by our own doing, and by every other server as well."""
        return self.lost(error) and not (isinstance(error, psycopg.Error) and error.sqlstate in _READ_ONLY)

    def refused(self, error: BaseException) -> bool:
        """Whether the server has said so, and is still there."""
        return isinstance(error, psycopg.Error) and bool(error.sqlstate) and not self.lost(error)

    def committed(self, writes: int) -> None:
        """The server sees to its own log."""

    def close(self) -> None:
        """Nothing runs in the background."""


class PostgresConnection:
    """One connection to the server; `settings` are those that each transaction has to be told."""

    def __init__(self, wire: Wire, session: WireSession, settings: Mapping[str, str]) -> None:
        self.wire = wire
        self.session = session
        self._settings = _set(settings, local=True) if settings else ""

    def begin(self, *, durable: bool) -> None:
        """Begin, and wait for our turn to write. All of it goes out with the first statement that is waited for."""
        self.session.send("BEGIN ISOLATION LEVEL READ COMMITTED")
        if self._settings:
            self.session.send(self._settings)
        if not durable:
            self.session.send("SET LOCAL synchronous_commit = off")
        self.session.send(LOCK_SQL)

    def commit(self) -> None:
        done = self.session.ask("COMMIT").done
        if done != b"COMMIT":  # the server rolls back, without an error, what a statement before has spoiled
            raise psycopg.OperationalError(f"the transaction was not committed: {done!r}")

    def rollback(self) -> None:
        self.session.settle()
        self.session.sql("ROLLBACK")

    def savepoint(self) -> None:
        self.session.send("SAVEPOINT one_write")

    def release(self) -> None:
        self.session.sql("RELEASE SAVEPOINT one_write")

    def rollback_to_savepoint(self) -> None:
        self.session.settle()
        self.session.send("ROLLBACK TO SAVEPOINT one_write")
        self.session.sql("RELEASE SAVEPOINT one_write")

    def generation(self) -> object:
        return self.session.sql("SELECT pg_current_snapshot()::text")[0][0]

    def close(self) -> None:
        self.wire.close()


def _set(settings: Mapping[str, str], *, local: bool) -> str:
    values = (f"set_config('{name}', '{value}', {str(local).lower()})" for name, value in settings.items())
    return f"SELECT {', '.join(values)}"
