"""A statement built once with SQLAlchemy Core, kept as the text that the driver takes.

SQLAlchemy's own execution costs ten times what the database needs for an indexed read, so it only builds: a statement
is compiled at its first use for a dialect, with named parameters, and then run on the driver's cursor.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from sqlalchemy import BindParameter, ColumnElement, Dialect, Select, Table, bindparam, literal_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ClauseElement

Query = TypeVar("Query", bound=Select[Any])


class Statement:
    """SQL for every dialect; give a function of the dialect where the dialects need different constructs."""

    __slots__ = ("_build", "_compiled", "_texts")

    def __init__(self, build: ClauseElement | Callable[[Dialect], ClauseElement]) -> None:
        self._build = build
        self._texts: dict[str, str] = {}
        self._compiled: dict[str, tuple[str, tuple[str, ...]]] = {}

    def text(self, dialect: Dialect) -> str:
        """The SQL for this dialect, in the parameter style the dialect was made with."""
        text = self._texts.get(dialect.name)
        if text is None:
            text = self._texts[dialect.name] = self.numbered(dialect)[0]
        return text

    def numbered(self, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
        """The SQL, and the names of its parameters in their order, for a dialect with numbered parameters."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = self._compile(dialect)
        return compiled

    def _compile(self, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
        build = self._build
        compiled = (build if isinstance(build, ClauseElement) else build(dialect)).compile(dialect=dialect)
        loose = sorted(name for name, value in compiled.params.items() if value is not None)
        if loose:  # a constant would have to be passed on every run: write it with literal_column instead
            raise ValueError(f"statement has values that are not named parameters: {', '.join(loose)}")
        return str(compiled), tuple(getattr(compiled, "positiontup", None) or ())


def insert_into(dialect: Dialect, table: Table) -> sqlite.Insert:
    """The dialect's own INSERT, which alone has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    return cast(sqlite.Insert, insert(table))


def named(columns: Iterable[str]) -> dict[str, BindParameter[Any]]:
    """Values for an INSERT or UPDATE: every column takes the parameter of its own name."""
    return {column: bindparam(column) for column in columns}


def limited(query: Query, limit: ColumnElement[int] | None = None) -> Query:
    """The first rows of the query only: as many as the parameter `limit` says, or as this constant says."""
    # SQLAlchemy adds an offset for SQLite, as a value; said here, it is a constant.
    return query.limit(bindparam("limit") if limit is None else limit).offset(literal_column("0"))


ONE: ColumnElement[int] = literal_column("1")
