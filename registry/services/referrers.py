"""Referrers (distribution spec, "Listing referrers").

The index knows every manifest by its `subject`. Clients of registries without this API list referrers in an index at
the tag `<algorithm>-<hex>` instead; what such an index of ours lists is answered too, so nothing needs to be migrated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from registry.metadata import manifests
from registry.metadata.database import Database, Session
from registry.oci.mediatypes import INDEXES


@dataclass(frozen=True, slots=True)
class Referrers:
    """Descriptors in the order of their digests; `more` when the list goes on."""

    descriptors: list[dict[str, Any]]
    more: bool


async def referrers(
    database: Database, repository: str, subject: str, artifact_type: str | None, after: str, limit: int
) -> Referrers:
    """At most `limit` manifests that name `subject`, after the digest `after`."""

    def find(session: Session) -> Referrers:
        found = {
            row.digest: _descriptor(row)
            for row in manifests.referrers(session, repository, subject, artifact_type, after, limit + 1)
        }
        # Only what names no subject itself needs another's word, and only for that.
        listed = sorted(digest for digest in _fallback(session, repository, subject) if digest > after)
        for row in manifests.without_subject(session, repository, listed, artifact_type, limit + 1):
            found[row.digest] = _descriptor(row)
        ordered = [found[digest] for digest in sorted(found)]
        return Referrers(ordered[:limit], len(ordered) > limit)

    return await database.read(find)


def _fallback(session: Session, repository: str, subject: str) -> set[str]:
    """The digests listed at the subject's tag (distribution spec, "Referrers Tag Schema")."""
    algorithm, _, encoded = subject.partition(":")
    row = manifests.by_tag(session, repository, f"{algorithm[:32]}-{encoded[:64]}")
    if row is None or row.media_type not in INDEXES:
        return set()
    # It was checked when it was pushed. An empty list may be written as null.
    return {entry["digest"] for entry in json.loads(row.payload).get("manifests") or []}


def _descriptor(row: manifests.ReferrerRow) -> dict[str, Any]:
    descriptor: dict[str, Any] = {"mediaType": row.media_type, "digest": row.digest, "size": row.size}
    if row.artifact_type:
        descriptor["artifactType"] = row.artifact_type
    if row.annotations_json:
        descriptor["annotations"] = json.loads(row.annotations_json)
    return descriptor
