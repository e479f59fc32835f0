"""Upload sessions: whose they are, how far they are, and the digest state that lets another worker go on."""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Dialect, bindparam, func, literal_column, or_, select, update
from sqlalchemy.sql.elements import ClauseElement

from registry.metadata.models import ended_uploads, uploads
from registry.metadata.session import Session
from registry.metadata.statement import Statement, insert_into, limited, named


class UploadRow(NamedTuple):
    """One upload session; `state` is the encoded digest state of the bytes up to `offset`.

    Until `leased_until` (ms) `owner` alone may write to it, where sessions are leased at all.
    """

    id: str
    repository: str
    client: str
    algorithm: str
    offset: int
    state: str
    started_at: int
    updated_at: int
    owner: str = ""
    leased_until: int = 0
    principal: str = "anonymous"


_ID = uploads.c.id == bindparam("upload_id")
_IS_MINE = uploads.c.owner == bindparam("me")
_COLUMNS = tuple(uploads.c[name] for name in UploadRow._fields)
_ROW = select(*_COLUMNS)


def _create(dialect: Dialect) -> ClauseElement:
    making = insert_into(dialect, uploads).values(named(UploadRow._fields))
    is_free = or_(uploads.c.owner == literal_column("''"), _IS_MINE)
    return making.on_conflict_do_update(
        index_elements=["id"],
        set_={name: making.excluded[name] for name in ("offset", "state", "updated_at", "owner", "leased_until")},
        where=is_free & (uploads.c.updated_at <= making.excluded.updated_at),
    )


_CREATE = Statement(_create)
_FIND = Statement(_ROW.where(_ID, uploads.c.repository == bindparam("repository")))
_ADVANCE = Statement(
    update(uploads)
    .where(_ID, _IS_MINE)
    .values(
        offset=bindparam("position"),
        state=bindparam("state"),
        updated_at=bindparam("at"),
        owner=literal_column("''"),
        leased_until=literal_column("0"),
    )
)
_TAKE = Statement(
    update(uploads)
    .where(
        _ID,
        uploads.c.repository == bindparam("repository"),
        or_(uploads.c.owner == literal_column("''"), _IS_MINE, uploads.c.leased_until < bindparam("at")),
    )
    .values(owner=bindparam("me"), leased_until=bindparam("until"))
    .returning(*_COLUMNS)
)
_RENEW = Statement(update(uploads).where(_ID, _IS_MINE).values(leased_until=bindparam("until")))
_DELETE = Statement(sa.delete(uploads).where(_ID))
_END = Statement(
    lambda dialect: insert_into(dialect, ended_uploads).values(id=bindparam("upload_id")).on_conflict_do_nothing()
)
_HAS_ENDED = Statement(select(ended_uploads.c.id).where(ended_uploads.c.id == bindparam("upload_id")))
_FORGET_ENDS = Statement(sa.delete(ended_uploads).where(ended_uploads.c.id < bindparam("before")))
_COUNT = Statement(select(func.count()).select_from(uploads).where(uploads.c.client == bindparam("client")))
_OLDEST = Statement(
    limited(
        _ROW.where(uploads.c.client == bindparam("client"), uploads.c.updated_at < bindparam("before")).order_by(
            uploads.c.updated_at
        )
    )
)
_EXPIRED = Statement(limited(_ROW.where(uploads.c.updated_at < bindparam("before")).order_by(uploads.c.updated_at)))
_NAMES = Statement(
    limited(select(uploads.c.repository, uploads.c.id).where(uploads.c.id > bindparam("after")).order_by(uploads.c.id))
)


def create(s: Session, row: UploadRow, me: str = "") -> None:
    """Open the session. It may be there already, when the answer to that was lost.

    It is then brought up to date, unless another process than `me` has written to it since.
    """
    s.defer(_CREATE, me=me, **row._asdict())


def find(s: Session, id: str, repository: str) -> UploadRow | None:
    """The session of this id in this repository, or None."""
    row = s.one(_FIND, upload_id=id, repository=repository)
    return None if row is None else UploadRow._make(row)


def look(s: Session, id: str, repository: str) -> tuple[UploadRow | None, bool]:
    """Its row, and whether it ended young."""
    found, ended = s.batch(
        [(_FIND, {"upload_id": id, "repository": repository}), (_HAS_ENDED, {"upload_id": id})],
    )
    return UploadRow._make(found[0]) if found else None, bool(ended)


def ended_among(s: Session, ids: Iterable[str]) -> set[str]:
    """Those of the sessions that ended young."""
    found = s.batch([(_HAS_ENDED, {"upload_id": id}) for id in ids])
    return {rows[0][0] for rows in found if rows}


def advance(s: Session, id: str, offset: int, state: str, at: int, owner: str = "") -> bool:
    """Record how far the session is, and give the lease back; False when it is gone, or not the owner's any more."""
    return s.run(_ADVANCE, upload_id=id, position=offset, state=state, at=at, me=owner) > 0


def take(s: Session, id: str, repository: str, owner: str, at: int, until: int) -> UploadRow | None:
    """Lease the session; as it is now, or None when it is gone, or another's until after `at`."""
    row = s.one(_TAKE, upload_id=id, repository=repository, me=owner, at=at, until=until)
    return None if row is None else UploadRow._make(row)


def renew(s: Session, ids: Iterable[str], owner: str, until: int) -> None:
    """Keep those of the leases that are still the owner's."""
    s.many(_RENEW, ({"upload_id": id, "me": owner, "until": until} for id in ids))


def delete(s: Session, id: str) -> bool:
    """Close the session; False when it was gone."""
    return s.run(_DELETE, upload_id=id) > 0


class Ending(NamedTuple):
    """How a session ends: whether it has a row, and whether others may believe in it without one, and are to know."""

    id: str
    in_rows: bool
    tell: bool


def end(s: Session, ending: Ending) -> None:
    """Close the session."""
    if ending.in_rows:
        s.defer(_DELETE, upload_id=ending.id)
    if ending.tell:
        s.defer(_END, upload_id=ending.id)


def forget_ends(s: Session, before: str) -> None:
    """Forget the ends of sessions with an id below that one: no worker believes in those without a row."""
    s.defer(_FORGET_ENDS, before=before)


def oldest_of(s: Session, client: str, before: int, limit: int) -> list[UploadRow]:
    """Sessions of the client not touched since then, the oldest first."""
    return [UploadRow._make(row) for row in s.all(_OLDEST, client=client, before=before, limit=limit)]


def count_for(s: Session, client: str) -> int:
    """How many sessions the client has open."""
    row = s.one(_COUNT, client=client)
    return 0 if row is None else int(row[0])


def expired(s: Session, before: int, limit: int) -> list[UploadRow]:
    """Sessions not touched since then, the oldest first."""
    return [UploadRow._make(row) for row in s.all(_EXPIRED, before=before, limit=limit)]


def names_after(s: Session, after: str, limit: int) -> list[tuple[str, str]]:
    """Repository and id of sessions, in the order of their ids, from the one after that."""
    return [(repository, id) for repository, id in s.all(_NAMES, after=after, limit=limit)]
