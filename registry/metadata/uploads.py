"""Upload sessions: whose they are, how far they are, and the digest state that lets another worker go on."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, func, insert, select, update

from registry.metadata.models import uploads
from registry.metadata.session import Session
from registry.metadata.statement import Statement, limited, named


class UploadRow(NamedTuple):
    """One upload session; `state` is the encoded digest state of the bytes up to `offset`."""

    id: str
    repository: str
    client: str
    algorithm: str
    offset: int
    state: str
    started_at: int
    updated_at: int


_ROW = select(*(uploads.c[name] for name in UploadRow._fields))
_ID = uploads.c.id == bindparam("upload_id")

_CREATE = Statement(insert(uploads).values(named(UploadRow._fields)))
_FIND = Statement(_ROW.where(_ID, uploads.c.repository == bindparam("repository")))
_ADVANCE = Statement(
    update(uploads)
    .where(_ID)
    .values(offset=bindparam("position"), state=bindparam("state"), updated_at=bindparam("at"))
)
_DELETE = Statement(sa.delete(uploads).where(_ID))
_COUNT = Statement(select(func.count()).select_from(uploads).where(uploads.c.client == bindparam("client")))
_EXPIRED = Statement(limited(_ROW.where(uploads.c.updated_at < bindparam("before")).order_by(uploads.c.updated_at)))


def create(s: Session, row: UploadRow) -> None:
    """Open the session."""
    s.run(_CREATE, **row._asdict())


def find(s: Session, id: str, repository: str) -> UploadRow | None:
    """The session of this id in this repository, or None."""
    row = s.one(_FIND, upload_id=id, repository=repository)
    return None if row is None else UploadRow._make(row)


def advance(s: Session, id: str, offset: int, state: str, at: int) -> bool:
    """Record how far the session is; False when it is gone."""
    return s.run(_ADVANCE, upload_id=id, position=offset, state=state, at=at) > 0


def delete(s: Session, id: str) -> bool:
    """Close the session; False when it was gone."""
    return s.run(_DELETE, upload_id=id) > 0


def count_for(s: Session, client: str) -> int:
    """How many sessions the client has open."""
    row = s.one(_COUNT, client=client)
    return 0 if row is None else int(row[0])


def expired(s: Session, before: int, limit: int) -> list[UploadRow]:
    """Sessions not touched since then, the oldest first."""
    return [UploadRow._make(row) for row in s.all(_EXPIRED, before=before, limit=limit)]
