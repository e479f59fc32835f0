"""What happened, written in the transaction that made it happen; read in order by whoever follows with a cursor.

On a database with one writer ids are in the order of commits. Kinds are in KINDS.
"""

from typing import NamedTuple

from sqlalchemy import bindparam, insert, select

from registry.metadata.clock import now_ms
from registry.metadata.models import event_cursors, events
from registry.metadata.session import Session
from registry.metadata.statement import ONE, Statement, insert_into, limited, named

KINDS = frozenset(
    {
        "blob.pushed",
        "blob.mounted",
        "blob.deleted",
        "blob.quarantined",
        "blob.repaired",
        "manifest.pushed",
        "manifest.deleted",
        "tag.moved",
        "tag.deleted",
        "repository.created",
        "upload.expired",
    }
)


class EventRow(NamedTuple):
    """One event."""

    id: int
    at: int
    kind: str
    repository: str
    digest: str
    tag: str
    media_type: str
    size: int
    actor: str
    request_id: str


_APPEND = Statement(insert(events).values(named(EventRow._fields[1:])))
_AFTER = Statement(
    limited(
        select(*(events.c[name] for name in EventRow._fields))
        .where(events.c.id > bindparam("after"))
        .order_by(events.c.id)
    )
)
_LAST = Statement(limited(select(events.c.at).order_by(events.c.id.desc()), ONE))
_LAST_ID = Statement(limited(select(events.c.id).order_by(events.c.id.desc()), ONE))
_CURSOR = Statement(select(event_cursors.c.event_id).where(event_cursors.c.name == bindparam("name")))
_ADVANCE = Statement(
    lambda dialect: (
        insert_into(dialect, event_cursors)
        .values(named(("name", "event_id")))
        .on_conflict_do_update(
            index_elements=["name"],
            set_={"event_id": bindparam("event_id")},
            where=event_cursors.c.event_id < bindparam("event_id"),
        )
    )
)


def append(
    s: Session,
    kind: str,
    repository: str,
    digest: str = "",
    tag: str = "",
    media_type: str = "",
    size: int = 0,
    actor: str = "",
    request_id: str = "",
    at: int | None = None,
) -> None:
    """Add an event of one of KINDS, at this time or now."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of event {kind}: one of {', '.join(sorted(KINDS))}")
    s.defer(
        _APPEND,
        at=now_ms() if at is None else at,
        kind=kind,
        repository=repository,
        digest=digest,
        tag=tag,
        media_type=media_type,
        size=size,
        actor=actor,
        request_id=request_id,
    )


def after(s: Session, id: int, limit: int) -> list[EventRow]:
    """Events after this id, in order."""
    return [EventRow._make(row) for row in s.all(_AFTER, after=id, limit=limit)]


def last_at(s: Session) -> int:
    """When the last event was, 0 when there was none."""
    row = s.one(_LAST)
    return 0 if row is None else int(row[0])


def last_id(s: Session) -> int:
    """The id of the last event, 0 when there was none."""
    row = s.one(_LAST_ID)
    return 0 if row is None else int(row[0])


def cursor(s: Session, name: str) -> int:
    """The id of the last event that the follower of this name has dealt with, 0 at first."""
    row = s.one(_CURSOR, name=name)
    return 0 if row is None else int(row[0])


def advance_cursor(s: Session, name: str, id: int) -> None:
    """Move the follower's cursor on to this id; it never moves back."""
    s.run(_ADVANCE, name=name, event_id=id)
