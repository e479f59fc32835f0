"""The read-only window, in which a registry takes no changes: a row that every writer looks at in its own transaction.

So what was copied after the row was committed is all there is, on every worker. The row has a time at which it lapses,
so that a copy that is killed does not leave a registry that can only be read; one that has been moved stays so.
"""

from sqlalchemy import bindparam, case, delete, literal_column, select

from registry.metadata.clock import now_ms
from registry.metadata.models import probes
from registry.metadata.session import Session
from registry.metadata.statement import ONE, Statement, insert_into, named

NAME = "frozen"
"""Of the row, beside those that show that the database can be written to; it is never copied."""

FOR_GOOD = 2**63 - 1
"""A time at which it does not lapse."""

SENTENCE = "the registry is being moved and takes no changes for now, what it has can be pulled; try again later"

_UNTIL = Statement(select(probes.c.at).where(probes.c.name == bindparam("name")))
_IS_CLOSED = Statement(
    select(ONE // case((probes.c.at > bindparam("at"), literal_column("0")), else_=ONE)).where(
        probes.c.name == bindparam("name")
    )
)
"""Divides by zero where changes are not taken at the time `at`."""
_OPEN = Statement(
    lambda dialect: (
        insert_into(dialect, probes)
        .values(named(("name", "at")))
        .on_conflict_do_update(index_elements=["name"], set_={"at": bindparam("at")})
    )
)
_CLOSE = Statement(delete(probes).where(probes.c.name == bindparam("name")))


def until(s: Session) -> int:
    """When (ms) the window ends; 0 where there is none."""
    row = s.one(_UNTIL, name=NAME)
    return 0 if row is None else int(row[0])


def until_for_write(s: Session) -> int:
    """The same for a change that is about to be written, which is written only if it is so (see Session.assume)."""
    return 0 if s.assume(_IS_CLOSED, name=NAME, at=now_ms()) else until(s)


def open_until(s: Session, at: int) -> None:
    """Take no changes until then (ms), whatever was set before."""
    s.run(_OPEN, name=NAME, at=at)


def close(s: Session) -> bool:
    """Take changes again; False where they were taken already."""
    return s.run(_CLOSE, name=NAME) > 0
