"""Statements on a connection to PostgreSQL, by libpq itself.

A round trip costs more than what the server does in it, and a cursor of psycopg costs as much again. So statements are
prepared once, sent in libpq's pipeline mode, several in one go where no caller waits for the first, and the results
are read from the socket with a deadline: a server that is frozen, or gone without a word, is noticed by nothing else.
"""

import os
import select
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq.abc import PGresult
from sqlalchemy import Dialect

from registry.metadata.session import Ask, Row, Session
from registry.metadata.statement import Statement

ANSWER_SECONDS = 20.0
"""Seconds after which a server that has not answered is given up; it gives up a statement of ours before that."""

ASK_SECONDS = 10.0
"""Seconds for which what was wrongly assumed is asked."""

NOT_SO = "22012"
"""The state of the error by which a statement says that what was assumed is not so: a division by zero."""

_BINARY = pq.Format.BINARY
_TEXT = pq.Format.TEXT
_FATAL = pq.ExecStatus.FATAL_ERROR
_ABORTED = pq.ExecStatus.PIPELINE_ABORTED
_SYNC = pq.ExecStatus.PIPELINE_SYNC
_READ = select.POLLIN
_BOTH = select.POLLIN | select.POLLOUT


class Silent(psycopg.OperationalError):
    """The server has not answered in time."""


class NotRun(psycopg.DatabaseError):
    """A statement before this one failed."""


class Result(NamedTuple):
    """What a statement came to: rows, how many it touched, what the server says it did, or what went wrong."""

    rows: list[Row]
    touched: int
    done: bytes | None
    error: psycopg.Error | None


class Assumption:
    """Whether the writers of a process go on without an answer, see Session.assume."""

    def __init__(self) -> None:
        self._wrong_until = 0.0

    def __bool__(self) -> bool:
        return time.monotonic() >= self._wrong_until

    def was_wrong(self) -> None:
        """Have what is assumed asked for a while, as it is not so now."""
        self._wrong_until = time.monotonic() + ASK_SECONDS


class Wire:
    """A connection in pipeline mode. `send` queues, `finish` ends what is one unit of failure, `receive` waits.

    `prepares`: what was prepared on it is there the next time, as the same process of the server answers all of it.
    """

    def __init__(
        self, connection: "psycopg.Connection[Any]", answer_within: float = ANSWER_SECONDS, *, prepares: bool = True
    ) -> None:
        self.prepares = prepares
        self._within = answer_within
        self.connection = connection
        self._pg = connection.pgconn
        self._transformer = Transformer(connection)
        self._names: dict[str, bytes] = {}
        self._prepared = 0
        self._expected: deque[str] = deque()
        """For each result to come: the text that it says was prepared, or "" where it answers a statement."""
        self._unprepared: psycopg.Error | None = None
        self.fileno = os.dup(self._pg.socket)
        """The socket, to be waited for. Its own number libpq closes by itself, and it would soon be another's."""
        self._gone = select.poll()
        self._gone.register(self.fileno, 0)  # which still tells of errors and of the end
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()

    def send(self, text: str, params: Iterable[object] = ()) -> None:
        """Send a statement with $1, $2 ... for its parameters."""
        values: list[bytes | None] = []
        formats = []
        for value in params:
            if isinstance(value, int):
                values.append(b"%d" % value)
                formats.append(_TEXT)
            else:
                # As binary, a text with a zero byte is refused and not cut off.
                values.append(value.encode() if isinstance(value, str) else cast("bytes | None", value))
                formats.append(_BINARY)
        if self.prepares:
            self._pg.send_query_prepared(self._name(text), values, formats, _BINARY)
        else:
            self._pg.send_query_params(text.encode(), values, None, formats, _BINARY)
        self._expected.append("")

    def _name(self, text: str) -> bytes:
        """Of the statement, which is sent to be prepared where it was not yet."""
        name = self._names.get(text)
        if name is None:
            self._prepared += 1
            name = self._names[text] = b"s%d" % self._prepared
            self._pg.send_prepare(name, text.encode())
            self._expected.append(text)
        return name

    def finish(self) -> None:
        """A statement that fails takes with it those that were sent after it, up to here."""
        self._pg.pipeline_sync()

    def flush(self) -> bool:
        """Give to the socket what it takes now; whether there is more."""
        return bool(self._pg.flush())

    def receive(self) -> list[Result]:
        """Wait for the answers to all that was sent up to one `finish`, in order."""
        within = self._within
        answers: list[Result] = []
        deadline = time.monotonic() + within
        poll = select.poll()
        poll.register(self.fileno, _BOTH if self.flush() else _READ)
        while not self.collect(answers):
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise Silent(f"no answer within {within:g} seconds")
            self._pg.consume_input()
            poll.modify(self.fileno, _BOTH if self.flush() else _READ)
        return answers

    def take(self) -> None:
        """Read what has come, without waiting. Raises when the connection is gone, whatever came before that.

        An event loop may tell of an error but once, and what is read then are the server's last words, not the error.
        """
        self._pg.consume_input()
        while self._gone.poll(0):
            self._pg.consume_input()

    def collect(self, answers: list[Result]) -> bool:
        """Add what has been read to `answers`; True when that was all up to one `finish`."""
        pg = self._pg
        while not pg.is_busy():
            result = pg.get_result()
            if result is None:  # between two statements
                if pg.status == pq.ConnStatus.BAD:
                    raise psycopg.OperationalError(pg.get_error_message())
                continue
            if result.status == _SYNC:
                return True
            if not self._expected:  # the server's last words, which answer nothing
                raise psycopg.OperationalError((result.error_message or b"").decode(errors="replace").strip())
            prepared = self._expected.popleft()
            if not prepared:
                answers.append(self._answer(result))
            elif result.status in (_FATAL, _ABORTED):
                self._names.pop(prepared, None)
                self._unprepared = self._answer(result).error
        return False

    def close(self) -> None:
        """Let go of it."""
        fileno, self.fileno = self.fileno, -1
        if fileno >= 0:
            os.close(fileno)
        self.connection.close()

    def _answer(self, result: PGresult) -> Result:
        status = result.status
        if status == _FATAL:
            if self._pg.status == pq.ConnStatus.BAD:
                raise psycopg.OperationalError(self._pg.get_error_message())
            return Result([], 0, None, error_from_result(result))
        if status == _ABORTED:
            error, self._unprepared = self._unprepared, None
            return Result([], 0, None, error or NotRun("not run, as a statement before it failed"))
        rows: list[Row] = []
        if result.nfields:
            self._transformer.set_pgresult(result, format=_BINARY)
            rows = self._transformer.load_rows(0, result.ntuples, tuple)
        return Result(rows, result.command_tuples or 0, result.command_status, None)


class WireSession(Session):
    """Statements on a wire, each waited for unless it can come `later`."""

    __slots__ = ("_assumption", "_waiting", "_wire", "dialect")

    def __init__(self, wire: Wire, dialect: Dialect, assumption: Assumption) -> None:
        self._wire = wire
        self.dialect = dialect
        self._waiting = False
        self._assumption = assumption

    def one(self, statement: Statement, **params: object) -> Row | None:
        rows = self._ask(statement, params).rows
        return rows[0] if rows else None

    def all(self, statement: Statement, **params: object) -> list[Row]:
        return self._ask(statement, params).rows

    def run(self, statement: Statement, **params: object) -> int:
        return self._ask(statement, params).touched

    def defer(self, statement: Statement, **params: object) -> None:
        text, names = statement.numbered(self.dialect)
        self.send(text, [params[name] for name in names])

    def assume(self, statement: Statement, **params: object) -> bool:
        assumed = bool(self._assumption)
        if assumed:
            self.defer(statement, **params)
        return assumed

    def batch(self, asks: Sequence[Ask]) -> list[list[Row]]:
        for statement, params in asks:
            self.defer(statement, **params)
        return [answer.rows for answer in self._checked(self._settled())[-len(asks) :]] if asks else []

    def many(self, statement: Statement, rows: Iterable[dict[str, object]]) -> None:
        for row in rows:
            self.defer(statement, **row)

    def sql(self, text: str) -> list[Row]:
        return self.ask(text).rows

    def send(self, text: str, params: Iterable[object] = ()) -> None:
        """Have the statement go out with the next one that is waited for."""
        self._waiting = True
        self._wire.send(text, params)

    def ask(self, text: str, params: Iterable[object] = ()) -> Result:
        """The answer to this statement; raises the error of the first that failed of those that went with it."""
        self._wire.send(text, params)
        return self._checked(self._settled())[-1]

    def settle(self) -> None:
        """Wait for what was to come later, whatever comes of it."""
        if self._waiting:
            self._settled()

    def _ask(self, statement: Statement, params: dict[str, object]) -> Result:
        text, names = statement.numbered(self.dialect)
        return self.ask(text, [params[name] for name in names])

    def _checked(self, answers: list[Result]) -> list[Result]:
        for answer in answers:
            if answer.error is not None:
                if answer.error.sqlstate == NOT_SO:
                    self._assumption.was_wrong()
                raise answer.error
        return answers

    def _settled(self) -> list[Result]:
        self._waiting = False
        self._wire.finish()
        return self._wire.receive()
