"""One connection's way to run statements: nothing between them and the driver."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from registry.metadata.statement import Statement

Row = tuple[Any, ...]
Ask = tuple[Statement, dict[str, object]]
"""A statement that reads, and its parameters."""
Generation = tuple[object, object]


class Session(ABC):
    """Runs statements on one connection; used by one thread at a time. Every read fetches all its rows at once.

    What runs on a session may be run again from its beginning, on the same connection or on another, so it changes
    nothing but the database.
    """

    __slots__ = ()

    dialect: Dialect
    """Of the kind of database."""

    @abstractmethod
    def one(self, statement: Statement, **params: object) -> Row | None:
        """The first row, or None."""

    @abstractmethod
    def all(self, statement: Statement, **params: object) -> list[Row]:
        """Every row."""

    @abstractmethod
    def run(self, statement: Statement, **params: object) -> int:
        """Run a change; how many rows it touched."""

    @abstractmethod
    def many(self, statement: Statement, rows: Iterable[dict[str, object]]) -> None:
        """Run a change once for each set of parameters."""

    def batch(self, asks: Sequence[Ask]) -> list[list[Row]]:
        """The rows of each; none of them is waited for alone."""
        return [self.all(statement, **params) for statement, params in asks]

    @abstractmethod
    def sql(self, text: str) -> list[Row]:
        """Run a text without parameters; its rows."""

    def defer(self, statement: Statement, **params: object) -> None:
        """Run a change whose outcome the caller does not need: in its order, but maybe only with the next statement."""
        self.run(statement, **params)

    def assume(self, statement: Statement, **params: object) -> bool:
        """Go on as if a statement did not fail; if it does, nothing of the transaction is done, and it is run again.

        False where the session would rather have the question asked.
        """
        return False

    def insert(self, statement: Statement, **params: object) -> int:
        """Run an INSERT ... RETURNING id; the id of the row it made, or 0 when a conflict made it do nothing."""
        row = self.one(statement, **params)
        return 0 if row is None else int(row[0])


class CursorSession(Session):
    """Statements on the cursor of a driver.

    Rows are fetched to the last one: a cursor left half read would hold its snapshot, and with it the write-ahead log,
    open.
    """

    __slots__ = ("cursor", "dialect")

    def __init__(self, cursor: DBAPICursor, dialect: Dialect) -> None:
        self.cursor = cursor
        self.dialect = dialect

    def one(self, statement: Statement, **params: object) -> Row | None:
        self.cursor.execute(statement.text(self.dialect), params)
        rows = self.cursor.fetchall()
        return rows[0] if rows else None

    def all(self, statement: Statement, **params: object) -> list[Row]:
        self.cursor.execute(statement.text(self.dialect), params)
        return self.cursor.fetchall()  # type: ignore[return-value]

    def run(self, statement: Statement, **params: object) -> int:
        self.cursor.execute(statement.text(self.dialect), params)
        return self.cursor.rowcount

    def many(self, statement: Statement, rows: Iterable[dict[str, object]]) -> None:
        self.cursor.executemany(statement.text(self.dialect), list(rows))

    def sql(self, text: str) -> list[Row]:
        self.cursor.execute(text)
        return self.cursor.fetchall() if self.cursor.description else []  # type: ignore[return-value]
