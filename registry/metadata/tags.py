"""Tags, and the history of where each has pointed."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, insert, select

from registry.metadata.errors import UnknownManifest
from registry.metadata.models import manifests, repositories, tag_history, tags
from registry.metadata.session import Session
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
_target = manifests.alias("target")
_MANIFEST_ID = (
    select(_target.c.id)
    .where(_target.c.repository_id == bindparam("repository_id"), _target.c.digest == bindparam("digest"))
    .scalar_subquery()
)
_STANDING = Statement(
    select(repositories.c.name, manifests.c.digest, _MANIFEST_ID)
    .select_from(repositories)
    .outerjoin(tags, (tags.c.repository_id == repositories.c.id) & _TAG)
    .outerjoin(manifests, manifests.c.id == tags.c.manifest_id)
    .where(repositories.c.id == bindparam("repository_id"))
)
_PUT = Statement(
    lambda dialect: (
        insert_into(dialect, tags)
        .values(
            repository_id=bindparam("repository_id"),
            name=bindparam("tag"),
            manifest_id=bindparam("manifest_id"),
            updated_at=bindparam("at"),
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


def put(s: Session, repository_id: int, tag: str, digest: str, at: int, actor: str) -> str | None:
    """Point the tag at a manifest of its repository; the digest it pointed at before, or None.

    Raises UnknownManifest when the repository holds no such manifest. A move is recorded in the tag's history.
    """
    standing = s.one(_STANDING, repository_id=repository_id, tag=tag, digest=digest)
    if standing is None or standing[2] is None:
        raise UnknownManifest(f"no manifest {digest} to put tag {tag} on: put the manifest first")
    repository, previous, manifest_id = standing
    s.later(_PUT, repository_id=repository_id, tag=tag, manifest_id=manifest_id, at=at)
    if previous != digest:
        record(s, repository, tag, digest, previous or "", at, actor)
    return None if previous is None else str(previous)


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
    s.later(_RECORD, repository=repository, tag=tag, digest=digest, previous=previous, at=at, actor=actor)


def history(s: Session, repository: str, tag: str, limit: int) -> list[HistoryRow]:
    """The latest moves of the tag, newest first."""
    return [HistoryRow._make(row) for row in s.all(_HISTORY, repository=repository, tag=tag, limit=limit)]
