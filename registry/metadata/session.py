"""One connection's way to run statements: the driver's cursor, and nothing between."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from registry.metadata.statement import Statement

Row = tuple[Any, ...]


class Session:
    """Runs statements on one cursor of one connection; used by one thread at a time.

    Every read fetches all its rows at once: a cursor left half read would hold its snapshot, and with it the
    write-ahead log, open.
    """

    __slots__ = ("cursor", "dialect", "number")

    def __init__(self, cursor: DBAPICursor, dialect: Dialect, number: int = 0) -> None:
        self.cursor = cursor
        self.dialect = dialect
        self.number = number

    def one(self, statement: Statement, **params: object) -> Row | None:
        """The first row, or None."""
        self.cursor.execute(statement.text(self.dialect), params)
        rows = self.cursor.fetchall()
        return rows[0] if rows else None

    def generation(self, query: str) -> tuple[int, int]:
        """The answer to the backend's `generation`, which means something on this connection only."""
        self.cursor.execute(query)
        [(version,)] = self.cursor.fetchall()
        return self.number, version

    def all(self, statement: Statement, **params: object) -> list[Row]:
        """Every row."""
        self.cursor.execute(statement.text(self.dialect), params)
        return self.cursor.fetchall()  # type: ignore[return-value]

    def run(self, statement: Statement, **params: object) -> int:
        """Run a change; how many rows it touched."""
        self.cursor.execute(statement.text(self.dialect), params)
        return self.cursor.rowcount

    def insert(self, statement: Statement, **params: object) -> int:
        """Run an INSERT ... RETURNING id; the id of the row it made, or 0 when a conflict made it do nothing."""
        row = self.one(statement, **params)
        return 0 if row is None else int(row[0])

    def many(self, statement: Statement, rows: Iterable[dict[str, object]]) -> None:
        """Run a change once for each set of parameters."""
        self.cursor.executemany(statement.text(self.dialect), list(rows))
