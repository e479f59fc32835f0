"""Manifests with their bytes, what they refer to, and who refers to them. A tag on a manifest goes with it.

A deleted manifest is moved to a table of its own, so that nothing here but `oldest_deleted_at` and `prune_deleted` can
meet it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, insert, literal_column, select

from registry.metadata import tags as tag_store
from registry.metadata.clock import now_ms
from registry.metadata.models import (
    deleted_manifests,
    deleted_references,
    manifest_references,
    manifests,
    repositories,
    tags,
)
from registry.metadata.session import Ask, Session
from registry.metadata.statement import ONE, Statement, limited, named


class ManifestRow(NamedTuple):
    """A manifest as it is served."""

    digest: str
    media_type: str
    payload: bytes


class ReferrerRow(NamedTuple):
    """A manifest as it is listed among the referrers of its subject."""

    digest: str
    media_type: str
    size: int
    artifact_type: str
    annotations_json: str | None
    """None where the manifest has over 4 KiB, as its annotations may: see ask_annotations."""


_BY_NAME = repositories.c.name == bindparam("repository")
_IN_REPOSITORY = manifests.c.repository_id == repositories.c.id
_DIGEST = manifests.c.digest == bindparam("digest")
_SERVED = (manifests.c.digest, manifests.c.media_type, manifests.c.payload)

_BY_TAG = Statement(
    select(*_SERVED)
    .select_from(repositories)
    .join(tags, tags.c.repository_id == repositories.c.id)
    .join(manifests, manifests.c.id == tags.c.manifest_id)
    .where(_BY_NAME, tags.c.name == bindparam("tag"))
)
_BY_DIGEST = Statement(
    select(*_SERVED).select_from(repositories).join(manifests, _IN_REPOSITORY).where(_BY_NAME, _DIGEST)
)
_FIND = Statement(
    select(manifests.c.id, manifests.c.repository_id)
    .select_from(repositories)
    .join(manifests, _IN_REPOSITORY)
    .where(_BY_NAME, _DIGEST)
)
_MEDIA_TYPE = Statement(
    select(manifests.c.media_type).select_from(repositories).join(manifests, _IN_REPOSITORY).where(_BY_NAME, _DIGEST)
)
_SIZE = Statement(
    select(manifests.c.size).select_from(repositories).join(manifests, _IN_REPOSITORY).where(_BY_NAME, _DIGEST)
)
_DIGESTS = Statement(
    limited(
        select(manifests.c.digest)
        .select_from(repositories)
        .join(manifests, _IN_REPOSITORY)
        .where(_BY_NAME, manifests.c.digest > bindparam("after"))
        .order_by(manifests.c.digest)
    )
)
_COLUMNS = ("repository_id", "digest", "media_type", "size", "subject", "artifact_type", "annotations", "created_at")
_INSERT = Statement(insert(manifests).values(named((*_COLUMNS, "payload"))))
_REFER = Statement(
    insert(manifest_references).from_select(
        ["manifest_id", "kind", "digest"],
        select(manifests.c.id)
        .add_columns(
            bindparam("kind", type_=manifest_references.c.kind.type),
            bindparam("digest", type_=manifest_references.c.digest.type),
        )
        .where(manifests.c.repository_id == bindparam("repository_id"), manifests.c.digest == bindparam("manifest")),
    )
)
_TAGS_ON = Statement(select(tags.c.name).where(tags.c.manifest_id == bindparam("manifest_id")).order_by(tags.c.name))
_KEPT = ("digest", "media_type", "size", "subject", "artifact_type", "annotations", "created_at", "payload")
_KEEP = Statement(
    insert(deleted_manifests)
    .from_select(
        ["repository", *_KEPT, "deleted_at", "actor"],
        select(repositories.c.name, *(manifests.c[name] for name in _KEPT))
        .add_columns(
            bindparam("at", type_=deleted_manifests.c.deleted_at.type),
            bindparam("actor", type_=deleted_manifests.c.actor.type),
        )
        .select_from(manifests)
        .join(repositories, _IN_REPOSITORY)
        .where(manifests.c.id == bindparam("manifest_id")),
    )
    .returning(deleted_manifests.c.id)
)
_KEEP_REFERENCES = Statement(
    insert(deleted_references).from_select(
        ["manifest_id", "kind", "digest"],
        select(bindparam("deleted_id", type_=deleted_references.c.manifest_id.type))
        .add_columns(manifest_references.c.kind, manifest_references.c.digest)
        .where(manifest_references.c.manifest_id == bindparam("manifest_id")),
    )
)
_OLDEST_DELETED = Statement(
    limited(select(deleted_manifests.c.deleted_at).order_by(deleted_manifests.c.deleted_at), ONE)
)
_PRUNE = Statement(
    sa.delete(deleted_manifests).where(
        deleted_manifests.c.id.in_(
            limited(
                select(deleted_manifests.c.id)
                .where(deleted_manifests.c.deleted_at < bindparam("before"))
                .order_by(deleted_manifests.c.deleted_at)
            )
        )
    )
)
_DELETE = Statement(sa.delete(manifests).where(manifests.c.id == bindparam("manifest_id")))
_DESCRIBED = (
    manifests.c.digest,
    manifests.c.media_type,
    manifests.c.size,
    manifests.c.artifact_type,
    sa.case((manifests.c.size <= literal_column("4096"), manifests.c.annotations)),
)
_OF_SUBJECT = limited(
    select(*_DESCRIBED)
    .select_from(repositories)
    .join(manifests, _IN_REPOSITORY)
    .where(_BY_NAME, manifests.c.subject == bindparam("subject"), manifests.c.digest > bindparam("after"))
    .order_by(manifests.c.digest)
)


_LISTED_AT = limited(
    select(*_DESCRIBED)
    .select_from(repositories)
    .join(tags, tags.c.repository_id == repositories.c.id)
    .join(manifest_references, manifest_references.c.manifest_id == tags.c.manifest_id)
    .join(manifests, sa.and_(_IN_REPOSITORY, manifests.c.digest == manifest_references.c.digest))
    .where(
        _BY_NAME,
        tags.c.name == bindparam("tag"),
        manifest_references.c.kind == literal_column("'manifest'"),
        manifest_references.c.digest > bindparam("after"),
        manifests.c.subject.is_(None),
    )
    .order_by(manifest_references.c.digest)
)
_OF_TYPE = manifests.c.artifact_type == bindparam("artifact_type")
_LISTED = Statement(_LISTED_AT)
_LISTED_OF_TYPE = Statement(_LISTED_AT.where(_OF_TYPE))
_ANNOTATIONS = Statement(
    select(manifests.c.annotations).select_from(repositories).join(manifests, _IN_REPOSITORY).where(_BY_NAME, _DIGEST)
)
_REFERRERS = Statement(_OF_SUBJECT)
_REFERRERS_OF_TYPE = Statement(_OF_SUBJECT.where(_OF_TYPE))


def by_tag(s: Session, repository: str, tag: str) -> ManifestRow | None:
    """The manifest that the tag points at, or None."""
    row = s.one(_BY_TAG, repository=repository, tag=tag)
    return None if row is None else ManifestRow._make(row)


def by_digest(s: Session, repository: str, digest: str) -> ManifestRow | None:
    """The manifest of this digest in the repository, or None."""
    row = s.one(_BY_DIGEST, repository=repository, digest=digest)
    return None if row is None else ManifestRow._make(row)


def exists(s: Session, repository: str, digest: str) -> bool:
    """Whether the repository holds a manifest of this digest."""
    return s.one(_FIND, repository=repository, digest=digest) is not None


def ask_media_type(repository: str, digest: str) -> Ask:
    """One row if the repository holds the manifest: its media type."""
    return _MEDIA_TYPE, {"repository": repository, "digest": digest}


def ask(repository: str, digest: str) -> Ask:
    """One row if the repository holds the manifest: those of ManifestRow."""
    return _BY_DIGEST, {"repository": repository, "digest": digest}


def ask_size(repository: str, digest: str) -> Ask:
    """One row if the repository holds the manifest: its size in bytes."""
    return _SIZE, {"repository": repository, "digest": digest}


def digests(s: Session, repository: str, after: str, limit: int) -> list[str]:
    """Of the manifests of the repository after this one, in order."""
    return [digest for (digest,) in s.all(_DIGESTS, repository=repository, after=after, limit=limit)]


def put(
    s: Session,
    repository_id: int,
    digest: str,
    media_type: str,
    payload: bytes,
    subject: str | None,
    artifact_type: str | None,
    annotations_json: str,
    references: Sequence[tuple[str, str]],
    at: int,
) -> None:
    """Hold a manifest that the repository does not hold yet, and what it refers to, as (kind, digest)."""
    s.defer(
        _INSERT,
        repository_id=repository_id,
        digest=digest,
        media_type=media_type,
        size=len(payload),
        subject=subject,
        artifact_type=artifact_type or "",
        annotations=annotations_json,
        created_at=at,
        payload=payload,
    )
    held = {"repository_id": repository_id, "manifest": digest}
    s.many(_REFER, [{**held, "kind": kind, "digest": child} for kind, child in dict.fromkeys(references)])


def delete(s: Session, repository: str, digest: str, at: int | None = None, actor: str = "") -> list[str] | None:
    """Take the manifest out, and every tag on it; those tags, or None when the manifest is unknown.

    It is kept among the deleted ones, with what it refers to, until it is pruned.
    """
    row = s.one(_FIND, repository=repository, digest=digest)
    if row is None:
        return None
    manifest_id = row[0]
    gone = [name for (name,) in s.all(_TAGS_ON, manifest_id=manifest_id)]
    when = now_ms() if at is None else at
    deleted_id = s.insert(_KEEP, manifest_id=manifest_id, at=when, actor=actor)
    s.run(_KEEP_REFERENCES, deleted_id=deleted_id, manifest_id=manifest_id)
    s.run(_DELETE, manifest_id=manifest_id)
    for tag in gone:
        tag_store.record(s, repository, tag, "", digest, when, actor)
    return gone


def oldest_deleted_at(s: Session) -> int | None:
    """When the first of the deleted manifests that are still kept was deleted (ms)."""
    row = s.one(_OLDEST_DELETED)
    return None if row is None else int(row[0])


def prune_deleted(s: Session, before: int, limit: int) -> int:
    """Remove manifests for good that were deleted before then (ms), the first of them; how many."""
    return s.run(_PRUNE, before=before, limit=limit)


def referrers(
    s: Session, repository: str, subject: str, artifact_type: str | None, after: str, limit: int
) -> list[ReferrerRow]:
    """Manifests of the repository whose subject is this digest, in order of their digests after this one."""
    if artifact_type is None:
        rows = s.all(_REFERRERS, repository=repository, subject=subject, after=after, limit=limit)
    else:
        rows = s.all(
            _REFERRERS_OF_TYPE,
            repository=repository,
            subject=subject,
            artifact_type=artifact_type,
            after=after,
            limit=limit,
        )
    return [ReferrerRow._make(row) for row in rows]


def listed(
    s: Session, repository: str, tag: str, artifact_type: str | None, after: str, limit: int
) -> list[ReferrerRow]:
    """Those manifests that the index at this tag lists and that name no subject, in order of their digests."""
    given = {"repository": repository, "tag": tag, "after": after, "limit": limit}
    if artifact_type is None:
        rows = s.all(_LISTED, **given)
    else:
        rows = s.all(_LISTED_OF_TYPE, artifact_type=artifact_type, **given)
    return [ReferrerRow._make(row) for row in rows]


def ask_annotations(repository: str, digest: str) -> Ask:
    """One row if the repository holds the manifest: its annotations as JSON, empty where it has none."""
    return _ANNOTATIONS, {"repository": repository, "digest": digest}
