"""What happened, written in the transaction that made it happen; read in order by followers, each with a cursor.

Ids are in the order of commits, as one process writes at a time (see ARCHITECTURE.md, "Writes to the index"). Kinds are
in KINDS. What a follower may rely on is said in services/followers.py.
"""

from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select

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


class Oldest(NamedTuple):
    """Of an event: its id, and when it was (ms)."""

    id: int
    at: int


class Position(NamedTuple):
    """How far a follower is."""

    cursor: int | None
    """The id of the last event it has dealt with; None for a follower that has not begun."""
    last: int
    """The id of the last event, 0 when there was none."""
    waiting_since: int | None
    """The time (ms) of the first event that it has not dealt with."""

    @property
    def behind(self) -> int:
        """Events it has not dealt with, at most."""
        return self.last - (self.cursor or 0)


_LAST = Statement(limited(select(events.c.at).order_by(events.c.id.desc()), ONE))
_LAST_ID = Statement(limited(select(events.c.id).order_by(events.c.id.desc()), ONE))
_FIRST = Statement(
    limited(select(events.c.id, events.c.at).where(events.c.id > bindparam("after")).order_by(events.c.id), ONE)
)
_SLOWEST = Statement(select(func.min(event_cursors.c.event_id)))
_PRUNE = Statement(
    delete(events).where(
        events.c.id.in_(limited(select(events.c.id).where(events.c.id <= bindparam("through")).order_by(events.c.id))),
        events.c.at < bindparam("before"),
    )
)
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


def cursor(s: Session, name: str) -> int | None:
    """The id of the last event that the follower of this name has dealt with, None before it has begun."""
    row = s.one(_CURSOR, name=name)
    return None if row is None else int(row[0])


def position(s: Session, name: str) -> Position:
    """How far the follower of this name is."""
    at = cursor(s, name)
    last = last_id(s)
    first = s.one(_FIRST, after=at or 0) if last > (at or 0) else None
    return Position(at, last, None if first is None else int(first[1]))


def advance_cursor(s: Session, name: str, id: int) -> None:
    """Move the follower's cursor on to this id; it never moves back."""
    s.run(_ADVANCE, name=name, event_id=id)


def passed(s: Session) -> int:
    """The id of the last event that every follower with a cursor has dealt with; 0 where there is no follower."""
    row = s.one(_SLOWEST)
    return 0 if row is None or row[0] is None else int(row[0])


def oldest(s: Session) -> Oldest | None:
    """The first event that is still there."""
    row = s.one(_FIRST, after=0)
    return None if row is None else Oldest._make(row)


def prune(s: Session, through: int, before: int, limit: int) -> int:
    """Remove those of the first `limit` events, up to the id `through`, that are older than `before` (ms); how many."""
    return s.run(_PRUNE, through=through, before=before, limit=limit)
