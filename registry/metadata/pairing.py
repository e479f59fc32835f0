"""The number that an index shares with the marker of its storage, so that neither is served with another by mistake."""

import secrets

from sqlalchemy import bindparam, select

from registry.metadata.models import probes
from registry.metadata.session import Session
from registry.metadata.statement import Statement, insert_into, named

NAME = "storage"
"""Of the row, beside those that show that the database can be written to; it is never copied."""

_FIND = Statement(select(probes.c.at).where(probes.c.name == bindparam("name")))
_PAIR = Statement(lambda dialect: insert_into(dialect, probes).values(named(("name", "at"))).on_conflict_do_nothing())


def find(s: Session) -> int | None:
    """None where it has none yet."""
    row = s.one(_FIND, name=NAME)
    return None if row is None else int(row[0])


def ensure(s: Session, number: int | None = None) -> int:
    """What it has, or else this number or a new one."""
    s.run(_PAIR, name=NAME, at=number or secrets.randbits(62) | 1)
    found = find(s)
    assert found is not None
    return found
