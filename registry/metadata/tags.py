"""Tags, and the history of where each has pointed."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, insert, select

from registry.metadata.models import manifests, repositories, tag_history, tags
from registry.metadata.session import Ask, Session
from registry.metadata.statement import Statement, insert_into, limited, named


class HistoryRow(NamedTuple):
    """One move of a tag; `digest` is empty when the tag was deleted, `previous` when it was new."""

    digest: str
    previous: str
    at: int
    actor: str


_REPOSITORY_ID = select(repositories.c.id).where(repositories.c.name == bindparam("repository")).scalar_subquery()
_TAG = tags.c.name == bindparam("tag")

_NAMES = Statement(
    limited(
        select(tags.c.name)
        .where(tags.c.repository_id == _REPOSITORY_ID, tags.c.name > bindparam("after"))
        .order_by(tags.c.name)
    )
)
_DIGEST_OF = Statement(
    select(manifests.c.digest, tags.c.repository_id)
    .select_from(repositories)
    .join(tags, tags.c.repository_id == repositories.c.id)
    .join(manifests, manifests.c.id == tags.c.manifest_id)
    .where(repositories.c.name == bindparam("repository"), _TAG)
)
_PUT = Statement(
    lambda dialect: (
        insert_into(dialect, tags)
        .from_select(
            ["repository_id", "name", "manifest_id", "updated_at"],
            select(manifests.c.repository_id, bindparam("tag", type_=tags.c.name.type), manifests.c.id)
            .add_columns(bindparam("at", type_=tags.c.updated_at.type))
            .where(manifests.c.repository_id == bindparam("repository_id"), manifests.c.digest == bindparam("digest")),
        )
        .on_conflict_do_update(
            index_elements=["repository_id", "name"],
            set_={"manifest_id": sa.literal_column("excluded.manifest_id"), "updated_at": bindparam("at")},
        )
    )
)
_DELETE = Statement(sa.delete(tags).where(tags.c.repository_id == bindparam("repository_id"), _TAG))
_RECORD = Statement(insert(tag_history).values(named(("repository", "tag", "digest", "previous", "at", "actor"))))
_HISTORY = Statement(
    limited(
        select(tag_history.c.digest, tag_history.c.previous, tag_history.c.at, tag_history.c.actor)
        .where(tag_history.c.repository == bindparam("repository"), tag_history.c.tag == bindparam("tag"))
        .order_by(tag_history.c.id.desc())
    )
)


def names(s: Session, repository: str, after: str, limit: int) -> list[str]:
    """Tags of the repository after this one, in byte order."""
    return [name for (name,) in s.all(_NAMES, repository=repository, after=after, limit=limit)]


def digest_of(s: Session, repository: str, tag: str) -> str | None:
    """The digest that the tag points at, or None."""
    row = s.one(_DIGEST_OF, repository=repository, tag=tag)
    return None if row is None else row[0]


def ask_digest(repository: str, tag: str) -> Ask:
    """One row that begins with the digest the tag points at."""
    return _DIGEST_OF, {"repository": repository, "tag": tag}


def put(
    s: Session, repository_id: int, repository: str, tag: str, digest: str, previous: str | None, at: int, actor: str
) -> None:
    """Point the tag at a manifest that the repository holds; `previous` is the digest it points at now.

    A move is recorded in the tag's history.
    """
    s.defer(_PUT, repository_id=repository_id, tag=tag, digest=digest, at=at)
    if previous != digest:
        record(s, repository, tag, digest, previous or "", at, actor)


def delete(s: Session, repository: str, tag: str, at: int, actor: str) -> str | None:
    """Remove the tag and record it; the digest it pointed at, or None when there was no such tag."""
    row = s.one(_DIGEST_OF, repository=repository, tag=tag)
    if row is None:
        return None
    digest, repository_id = row
    s.run(_DELETE, repository_id=repository_id, tag=tag)
    record(s, repository, tag, "", digest, at, actor)
    return str(digest)


def record(s: Session, repository: str, tag: str, digest: str, previous: str, at: int, actor: str) -> None:
    """Add one move of the tag to its history."""
    s.defer(_RECORD, repository=repository, tag=tag, digest=digest, previous=previous, at=at, actor=actor)


def history(s: Session, repository: str, tag: str, limit: int) -> list[HistoryRow]:
    """The latest moves of the tag, newest first."""
    return [HistoryRow._make(row) for row in s.all(_HISTORY, repository=repository, tag=tag, limit=limit)]
