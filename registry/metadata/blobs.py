"""Blobs, and which repositories see them.

A blob's row is shared by every repository; membership is a row of its own. A quarantined blob keeps its memberships,
so that the push that repairs it makes it visible again wherever it was.
"""

from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, cast, delete, func, literal_column, select, text, update

from registry.metadata.models import (
    HAS_PLACE,
    IS_PRESENT,
    IS_QUARANTINED,
    READ_SINCE_VERIFIED,
    STATE_PRESENT,
    blobs,
    repositories,
    repository_blobs,
)
from registry.metadata.session import Ask, Row, Session
from registry.metadata.statement import ONE, Statement, insert_into, limited

NEVER = 2**63 - 1
"""A time that does not come."""


class Located(NamedTuple):
    """A blob's size in bytes, the place of those ("" is the path of its digest), and when it was published (ms)."""

    size: int
    place: str = ""
    changed_at: int = 0


class Standing(NamedTuple):
    """What is there before a blob is published in a repository; None for a repository or blob that is not there."""

    repository_id: int | None
    state: str | None
    is_linked: bool


_DIGEST = blobs.c.digest == bindparam("digest")
_WHERE = (blobs.c.size, blobs.c.place, blobs.c.changed_at)
_IS_MEMBER = repository_blobs.c.blob_id == blobs.c.id

_LOCATED = Statement(
    select(*_WHERE)
    .select_from(repositories)
    .join(blobs, _DIGEST)
    .join(repository_blobs, (repository_blobs.c.repository_id == repositories.c.id) & _IS_MEMBER)
    .where(repositories.c.name == bindparam("repository"), blobs.c.state == IS_PRESENT)
)
_FOUND = Statement(
    select(repository_blobs.c.blob_id, *_WHERE)
    .select_from(repositories)
    .outerjoin(blobs, _DIGEST & (blobs.c.state == IS_PRESENT))
    .outerjoin(repository_blobs, (repository_blobs.c.repository_id == repositories.c.id) & _IS_MEMBER)
    .where(repositories.c.name == bindparam("repository"))
)
"""A row if the repository is there, with a blob's id only if it sees the blob."""
_SEEN = Statement(
    select(blobs.c.id)
    .select_from(repositories)
    .join(blobs, _DIGEST)
    .join(repository_blobs, (repository_blobs.c.repository_id == repositories.c.id) & _IS_MEMBER)
    .where(repositories.c.name == bindparam("repository"))
)
_LINKED = Statement(
    limited(
        select(blobs.c.id, blobs.c.digest)
        .select_from(repositories)
        .join(repository_blobs, repository_blobs.c.repository_id == repositories.c.id)
        .join(blobs, _IS_MEMBER)
        .where(repositories.c.name == bindparam("repository"), repository_blobs.c.blob_id > bindparam("after"))
        .order_by(repository_blobs.c.blob_id)
    )
)
_PRESENT = Statement(select(*_WHERE).where(_DIGEST, blobs.c.state == IS_PRESENT))
_REPOSITORY_ID = select(repositories.c.id).where(repositories.c.name == bindparam("repository")).scalar_subquery()
_STANDING = Statement(
    select(
        _REPOSITORY_ID,
        select(blobs.c.state).where(_DIGEST).scalar_subquery(),
        select(blobs.c.id)
        .join(repository_blobs, _IS_MEMBER)
        .where(_DIGEST, repository_blobs.c.repository_id == _REPOSITORY_ID)
        .scalar_subquery(),
    )
)
_PUBLISH = Statement(
    lambda dialect: (
        insert_into(dialect, blobs)
        .values(
            digest=bindparam("digest"),
            size=bindparam("size"),
            state=IS_PRESENT,
            created_at=bindparam("at"),
            changed_at=bindparam("at"),
            read_at=text("0"),
            verified_at=bindparam("at"),
            place=bindparam("place"),
        )
        .on_conflict_do_update(
            index_elements=["digest"],
            set_={
                "size": bindparam("size"),
                "state": IS_PRESENT,
                "reason": text("''"),
                "changed_at": bindparam("at"),
                "verified_at": bindparam("at"),
                "place": bindparam("place"),
            },
        )
    )
)
_AT_PLACE = Statement(limited(select(blobs.c.id).where(blobs.c.place == bindparam("place"), HAS_PLACE), ONE))
_ANY_KNOWN = Statement(limited(select(blobs.c.id).where(STATE_PRESENT), ONE))
_LINK = Statement(
    lambda dialect: (
        insert_into(dialect, repository_blobs)
        .from_select(
            ["repository_id", "blob_id", "linked_at", "leased_until"],
            select(bindparam("repository_id", type_=repository_blobs.c.repository_id.type), blobs.c.id)
            .add_columns(
                bindparam("at", type_=repository_blobs.c.linked_at.type),
                bindparam("until", type_=repository_blobs.c.leased_until.type),
            )
            .where(_DIGEST),
        )
        .on_conflict_do_nothing()
    )
)
_LEASE = Statement(
    update(repository_blobs)
    .where(
        repository_blobs.c.repository_id == _REPOSITORY_ID,
        repository_blobs.c.blob_id == select(blobs.c.id).where(_DIGEST).scalar_subquery(),
        repository_blobs.c.leased_until < bindparam("enough"),
    )
    .values(leased_until=bindparam("until"))
)
_UNLINK = Statement(
    delete(repository_blobs).where(
        repository_blobs.c.repository_id
        == select(repositories.c.id).where(repositories.c.name == bindparam("repository")).scalar_subquery(),
        repository_blobs.c.blob_id == select(blobs.c.id).where(_DIGEST).scalar_subquery(),
    )
)
_ANYWHERE = Statement(
    limited(
        select(repositories.c.name)
        .select_from(blobs)
        .join(repository_blobs, _IS_MEMBER)
        .join(repositories, repositories.c.id == repository_blobs.c.repository_id)
        .where(_DIGEST, blobs.c.state == IS_PRESENT),
        ONE,
    )
)
_QUARANTINE = Statement(
    update(blobs)
    .where(_DIGEST, blobs.c.state == IS_PRESENT, blobs.c.changed_at < bindparam("before"))
    .values(state=IS_QUARANTINED, reason=bindparam("why"), changed_at=bindparam("at"))
)
_TOUCH = Statement(update(blobs).where(_DIGEST, blobs.c.state == IS_PRESENT).values(read_at=bindparam("at")))
_VERIFIED = Statement(update(blobs).where(_DIGEST, blobs.c.state == IS_PRESENT).values(verified_at=bindparam("at")))
_DUE = select(blobs.c.digest, *_WHERE).where(blobs.c.verified_at < bindparam("before"))
_READ_SINCE = Statement(limited(_DUE.where(READ_SINCE_VERIFIED).order_by(blobs.c.read_at.desc())))
_LONGEST = Statement(limited(_DUE.where(STATE_PRESENT).order_by(blobs.c.verified_at)))


_PRESENT_AFTER = Statement(
    limited(
        select(blobs.c.id, blobs.c.digest, *_WHERE)
        .where(STATE_PRESENT, blobs.c.id > bindparam("after"))
        .order_by(blobs.c.id)
    )
)
_PRESENT_TOTAL = Statement(
    select(
        func.count(),
        cast(func.coalesce(func.sum(blobs.c.size), literal_column("0")), BigInteger),
        func.coalesce(func.max(blobs.c.id), literal_column("0")),
    ).where(STATE_PRESENT)
)


def located(s: Session, repository: str, digest: str) -> Located | None:
    """A blob that this repository sees, or None."""
    row = s.one(_LOCATED, repository=repository, digest=digest)
    return None if row is None else Located._make(row)


def found(s: Session, repository: str, digest: str) -> Located | bool:
    """The same; where there is none, whether the repository is there."""
    row = s.one(_FOUND, repository=repository, digest=digest)
    if row is None or row[0] is None:
        return row is not None
    return Located._make(row[1:])


def ask_linked(repository: str, digest: str) -> Ask:
    """One row if the blob belongs to the repository, be it quarantined or not."""
    return _SEEN, {"repository": repository, "digest": digest}


def linked_after(s: Session, repository: str, after: int, limit: int) -> list[tuple[int, str]]:
    """The next blobs of the repository, quarantined or not, after this id, in order: id, digest."""
    return [(id, digest) for id, digest in s.all(_LINKED, repository=repository, after=after, limit=limit)]


def present(s: Session, digest: str) -> Located | None:
    """A blob that is there and not quarantined, in any repository, or None."""
    row = s.one(_PRESENT, digest=digest)
    return None if row is None else Located._make(row)


def present_after(s: Session, id: int, limit: int) -> list[tuple[int, str, Located]]:
    """The next blobs that are there and not quarantined after this id, in order: id, digest, where."""
    return [(key, digest, Located(*where)) for key, digest, *where in s.all(_PRESENT_AFTER, after=id, limit=limit)]


def present_total(s: Session) -> tuple[int, int, int]:
    """How many there are, their bytes, and the last id of any."""
    row = s.one(_PRESENT_TOTAL)
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def any_known(s: Session) -> bool:
    """Whether the bytes of any blob should be there."""
    return s.one(_ANY_KNOWN) is not None


def is_at(s: Session, place: str) -> bool:
    """Whether the bytes of some blob are at this place."""
    return s.one(_AT_PLACE, place=place) is not None


def standing(s: Session, repository: str, digest: str) -> Standing:
    """All that a push has to know before it publishes the blob."""
    row = s.one(_STANDING, repository=repository, digest=digest)
    assert row is not None
    return _standing(row)


def _standing(row: Row) -> Standing:
    repository_id, state, member = row
    return Standing(repository_id, state, member is not None)


def mountable(s: Session, repository: str, digest: str, source: str | None) -> tuple[Standing, Located | None]:
    """All that a mount from `source`, or any repository, has to know; no place where none sees the blob."""
    named: dict[str, object] = {"digest": digest}
    seen: Ask = (_ANYWHERE, named) if source is None else ask_located(source, digest)
    asks: list[Ask] = [(_STANDING, {"repository": repository, "digest": digest}), seen, (_PRESENT, named)]
    ((here,), found, present) = s.batch(asks)
    return _standing(here), Located._make(present[0]) if found and present else None


def publish(s: Session, digest: str, size: int, at: int, place: str = "") -> None:
    """Record that the bytes are there and were verified now."""
    s.defer(_PUBLISH, digest=digest, size=size, at=at, place=place)


def link(s: Session, repository_id: int, digest: str, at: int, leased_until: int = 0) -> None:
    """Let the repository see a published blob that a push relies on until then (ms).

    Nothing is done where it does already, or the blob is unknown.
    """
    s.defer(_LINK, repository_id=repository_id, digest=digest, at=at, until=leased_until)


def lease(s: Session, repository: str, digest: str, at: int, until: int) -> None:
    """A push relies until then (ms) on the blob in the repository; nothing is written while half of that is left."""
    s.defer(_LEASE, repository=repository, digest=digest, until=until, enough=(at + until) // 2)


def unlink(s: Session, repository: str, digest: str) -> bool:
    """Take the blob out of the repository; False when it was not in it."""
    return s.run(_UNLINK, repository=repository, digest=digest) > 0


def quarantine(s: Session, digest: str, reason: str, at: int, *, before: int = NEVER) -> bool:
    """Hide a damaged blob everywhere until it is published again; False when it was not present.

    `before`: leave it when its bytes were published at that time or later.
    """
    return s.run(_QUARANTINE, digest=digest, why=reason, at=at, before=before) > 0


def touch_read(s: Session, digest: str, at: int) -> None:
    """Remember that the blob was read, so that it is checked sooner."""
    s.defer(_TOUCH, digest=digest, at=at)


def to_verify(s: Session, before: int, limit: int) -> list[tuple[str, Located]]:
    """Blobs last verified before then: those read since, latest first; then the longest unverified."""
    due = {digest: Located(*where) for digest, *where in s.all(_READ_SINCE, before=before, limit=limit)}
    if len(due) < limit:
        for digest, *where in s.all(_LONGEST, before=before, limit=limit):
            due.setdefault(digest, Located(*where))
    return list(due.items())[:limit]


def verified(s: Session, digest: str, at: int) -> None:
    """Record that the bytes were read and are what the digest says."""
    s.run(_VERIFIED, digest=digest, at=at)


def ask_located(repository: str, digest: str) -> Ask:
    """One row if the repository sees the blob."""
    return _LOCATED, {"repository": repository, "digest": digest}
