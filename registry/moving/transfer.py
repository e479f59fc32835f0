"""Copies a whole index into another, of any kind, in one transaction, and reads it again there.

Nothing is kept before the end: a copy that is killed, or whose rows differ at the end, leaves the other as it was.
Sessions of uploads are not copied, as their bytes are not; nor is how far the tree of links is, as it is to be written
again where the blobs will be (see services/layout.py).
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from registry.metadata import models, sequences, table_rows
from registry.metadata.database import Database
from registry.metadata.session import Row, Session
from registry.metadata.table_rows import Look, TableRows

Places = Callable[[str], str | None] | None
"""The place at the destination of the bytes of a digest, None where those were left out; None where all stay."""

LEFT_OUT = "its bytes were damaged where it was copied from"
"""Why a blob whose bytes were left out is out of sight at the destination, until it is pushed again."""

LINKS = "layout"
"""The follower of events whose cursor is not copied."""

_OF_SERVING = (models.jobs, models.event_cursors)
"""Tables that a server fills by itself, without a push."""


class Refused(RuntimeError):
    """Something stands in the way; the text says what to do."""


class Copied(NamedTuple):
    """Of one table: its name, how many rows, and a checksum that any kind of database gives for the same rows."""

    table: str
    rows: int
    checksum: str


def copy(
    source: Database,
    destination: Database,
    places: Places,
    *,
    replace: bool,
    still: Callable[[], None],
    go_on: Callable[[], None] = lambda: None,
) -> list[Copied]:
    """Copy every table and compare; what was copied. Blocks.

    Nothing may write to the source meanwhile: `still` is called before the end, and raises if something could have.
    `go_on` is called before each look, in another thread, and raises to end it all. Raises Refused where there is
    something at the destination and `replace` is not said, or other rows in the end.
    """
    ids = source.read_now(sequences.last_ids)

    def here(look: Look) -> list[Row]:
        go_on()
        return source.read_now(look)

    def there(s: Session, look: Look) -> list[Row]:
        go_on()
        return look(s)

    def run(s: Session) -> list[Copied]:
        _make_room(s, replace=replace)
        copied = [_copy(here, s, steps, places) for steps in table_rows.COPIED]
        sequences.continue_after(s, ids)
        for steps, expected in zip(table_rows.COPIED, copied, strict=True):
            found = _sum(steps.name, steps.pages(lambda look: there(s, look)))
            if found != expected:
                raise Refused(
                    f"table {steps.name} has {found.rows} rows with checksum {found.checksum[:12]} at the destination "
                    f"and {expected.rows} with {expected.checksum[:12]} here; nothing was kept there, try again"
                )
        still()
        return copied

    return destination.write_now(run, always=True)


def _copy(read: Callable[[Look], list[Row]], s: Session, steps: TableRows, places: Places) -> Copied:
    def moved() -> Iterator[list[Row]]:
        for page in steps.pages(read):
            rows = [row for row in (_moved(steps, row, places) for row in page) if row is not None]
            s.many(steps.insert, [dict(zip(steps.columns, row, strict=True)) for row in rows])
            yield rows

    return _sum(steps.name, moved())


def _moved(steps: TableRows, row: Row, places: Places) -> Row | None:
    """The row as it is right at the destination."""
    if steps.name == "event_cursors" and row[steps.columns.index("name")] == LINKS:
        return None
    if steps.name == "blobs" and places is not None:
        values = dict(zip(steps.columns, row, strict=True))
        place = places(values["digest"]) if values["state"] == models.PRESENT else ""
        values["place"] = place or ""
        if place is None:
            values["state"], values["reason"] = models.QUARANTINED, LEFT_OUT
        return tuple(values.values())
    return tuple(row)


def _sum(table: str, pages: Iterator[list[Row]]) -> Copied:
    running = hashlib.sha256()
    count = 0
    for page in pages:
        for row in page:
            running.update(repr(tuple(row)).encode())
        count += len(page)
    return Copied(table, count, running.hexdigest())


def refuse_unless_empty(s: Session) -> None:
    """Raises Refused if any data is there."""
    serving = [table.name for table in _OF_SERVING]
    for steps in table_rows.COPIED:
        if steps.name not in serving and s.one(steps.first, limit=1) is not None:
            raise Refused(
                f"the destination's database holds data already (table {steps.name}); nothing was changed: "
                "give another, or say --replace to have it removed"
            )


def _make_room(s: Session, *, replace: bool) -> None:
    if not replace:
        refuse_unless_empty(s)
    for steps in reversed(table_rows.ALL):
        s.run(steps.clear)
