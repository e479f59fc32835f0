"""Keys that all workers and replicas share: the first that needs one makes it. They are never logged."""

from sqlalchemy import bindparam, select

from registry.metadata.models import secrets
from registry.metadata.session import Session
from registry.metadata.statement import Statement, insert_into, named

_FIND = Statement(select(secrets.c.value).where(secrets.c.name == bindparam("name")))
_ENSURE = Statement(
    lambda dialect: insert_into(dialect, secrets).values(named(("name", "value"))).on_conflict_do_nothing()
)


def find(s: Session, name: str) -> str | None:
    row = s.one(_FIND, name=name)
    return None if row is None else str(row[0])


def ensure(s: Session, name: str, value: str) -> str:
    """The value that was there first."""
    s.defer(_ENSURE, name=name, value=value)
    found = find(s, name)
    assert found is not None
    return found
