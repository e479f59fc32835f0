"""All rows of any table, in the order of their key: what it takes to copy an index, whatever its tables are."""

from collections.abc import Callable, Iterator

from sqlalchemy import Table, bindparam, delete, insert, select, tuple_

from registry.metadata import models
from registry.metadata.session import Row, Session
from registry.metadata.statement import Statement, limited, named

Look = Callable[[Session], list[Row]]

PAGE = 500
MANIFEST_PAGE = 16
"""Rows at a time; a manifest may be large."""

_NOT_COPIED = (models.uploads, models.ended_uploads, models.secrets, models.probes)


class TableRows:
    """The statements for one table."""

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.page = MANIFEST_PAGE if table in (models.manifests, models.deleted_manifests) else PAGE
        self.columns = [column.name for column in table.columns]
        keys = list(table.primary_key.columns)
        self.keys = [self.columns.index(key.name) for key in keys]
        rows = select(*table.columns).order_by(*keys)
        after = tuple_(*(bindparam(f"after_{number}", type_=key.type) for number, key in enumerate(keys)))
        self.first = Statement(limited(rows))
        self.next = Statement(limited(rows.where(tuple_(*keys) > after)))
        self.insert = Statement(insert(table).values(named(self.columns)))
        self.clear = Statement(delete(table))

    def pages(self, read: Callable[[Look], list[Row]]) -> Iterator[list[Row]]:
        """All rows in the order of their key; `read` runs each look."""
        rows = read(lambda s: s.all(self.first, limit=self.page))
        while rows:
            yield rows
            last = {f"after_{number}": rows[-1][key] for number, key in enumerate(self.keys)}
            rows = read(lambda s: s.all(self.next, limit=self.page, **last))  # noqa: B023 - run at once


COPIED = [TableRows(table) for table in models.metadata.sorted_tables if table not in _NOT_COPIED]
"""In an order in which each row finds those that it refers to."""
ALL = [TableRows(table) for table in models.metadata.sorted_tables]
