"""Reads that are run again from their beginning each time one more of their answers is there.

So a read is an ordinary function of a session, and still no caller waits in it. Reads have one statement or two: to run
them again costs less than a thread to wait in would.
"""

import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from sqlalchemy import Dialect

from registry.metadata.session import Row, Session
from registry.metadata.statement import Statement

Done = Callable[[Any, BaseException | None], None]
"""Is called once, with a result or an error."""

log = logging.getLogger(__name__)


def tell(who: Callable[..., None], *what: object) -> None:
    """Call back. What fails there is a defect there: the connection, and the others on it, go on."""
    try:
        who(*what)
    except Exception:
        log.exception("a callback of a read failed")


class Wanted(BaseException):
    """The answer to this statement is not there yet."""

    def __init__(self, text: str, params: Iterable[object]) -> None:
        self.text = text
        self.params = params


class Replay(Session):
    """A session whose answers are there, up to the one that is not."""

    __slots__ = ("_answers", "_next", "dialect")

    def __init__(self, dialect: Dialect, answers: list[list[Row]]) -> None:
        self.dialect = dialect
        self._answers = answers
        self._next = 0

    def one(self, statement: Statement, **params: object) -> Row | None:
        rows = self.all(statement, **params)
        return rows[0] if rows else None

    def all(self, statement: Statement, **params: object) -> list[Row]:
        if self._next == len(self._answers):
            text, names = statement.numbered(self.dialect)
            raise Wanted(text, [params[name] for name in names])
        return self._taken()

    def run(self, statement: Statement, **params: object) -> int:
        raise TypeError("a read changes nothing")

    def many(self, statement: Statement, rows: Iterable[dict[str, object]]) -> None:
        raise TypeError("a read changes nothing")

    def sql(self, text: str) -> list[Row]:
        if self._next == len(self._answers):
            raise Wanted(text, ())
        return self._taken()

    def _taken(self) -> list[Row]:
        self._next += 1
        return self._answers[self._next - 1]


class Read:
    """One read under way. `done` is called once, with a result or an error."""

    __slots__ = ("_done", "answers", "fn", "params", "started", "text", "tried")

    def __init__(self, fn: Callable[[Session], Any], done: Done) -> None:
        self.fn = fn
        self.answers: list[list[Row]] = []
        self.text = ""
        self.params: Iterable[object] = ()
        self.started = perf_counter()
        self.tried = False
        self._done = done

    def advance(self, dialect: Dialect) -> bool:
        """Run on the answers that are there; True when there is a statement to send."""
        try:
            result = self.fn(Replay(dialect, self.answers))
        except Wanted as wanted:
            self.text, self.params = wanted.text, wanted.params
            return True
        except Exception as error:
            self.fail(error)
        else:
            tell(self._done, result, None)
        return False

    def again(self) -> None:
        """Have it begin again, for the second and last time."""
        self.tried = True
        self.text = ""
        self.answers.clear()

    def fail(self, error: BaseException) -> None:
        """End it."""
        tell(self._done, None, error)
