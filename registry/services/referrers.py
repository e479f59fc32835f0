"""Referrers (distribution spec, "Listing referrers").

The index knows every manifest by its `subject`. Clients of registries without this API list referrers in an index at
the tag `<algorithm>-<hex>` instead; what such an index of ours lists is answered too, so nothing needs to be migrated.
What it lists is known since its push and is not read from its bytes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from registry.metadata import manifests, tags
from registry.metadata.database import Session
from registry.metadata.manifests import ReferrerRow
from registry.oci.mediatypes import OCI_INDEX

FEW = 32
"""Referrers that are listed on the event loop, where no annotations of theirs are long."""

PAGE_BYTES = 4 * 1024 * 1024 - 1024
"""After which a page ends, though never before its first entry: clients read as much of an index as of a manifest."""

HEAD = b'{"schemaVersion":2,"mediaType":"%b","manifests":[' % OCI_INDEX.encode()
TAIL = b"]}"


class Asked(NamedTuple):
    """What is to be listed: at most `limit` referrers after the digest `after`."""

    repository: str
    subject: str
    artifact_type: str | None
    after: str
    limit: int

    @property
    def fallback_tag(self) -> str:
        """Distribution spec, "Referrers Tag Schema"."""
        algorithm, _, encoded = self.subject.partition(":")
        return f"{algorithm[:32]}-{encoded[:64]}"


class _Descriptor(msgspec.Struct, rename="camel", omit_defaults=True):
    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: msgspec.Raw | None = None


def few(session: Session, asked: Asked) -> list[ReferrerRow] | None:
    """The rows of a short list, one more than asked for where it goes on; None for what is to be made in a thread."""
    rows = manifests.referrers(session, *asked[:4], min(asked.limit, FEW) + 1)
    if len(rows) > FEW or any(row.annotations_json is None for row in rows):
        return None
    if tags.digest_of(session, asked.repository, asked.fallback_tag) is not None:
        return None
    return rows


def many(session: Session, asked: Asked) -> tuple[bytes, str]:
    """See document."""
    limit = asked.limit
    found = {row.digest: row for row in manifests.referrers(session, *asked[:4], limit + 1)}
    # Only what names no subject itself needs another's word, and only for that.
    for row in manifests.listed(session, asked.repository, asked.fallback_tag, *asked[2:4], limit + 1):
        found[row.digest] = row
    ordered = [found[digest] for digest in sorted(found)]
    return document(_annotated(session, asked.repository, ordered), limit)


def document(rows: Iterator[ReferrerRow] | Sequence[ReferrerRow], limit: int) -> tuple[bytes, str]:
    """The index of these rows, and its last digest where not all of them are in it."""
    parts: list[bytes] = []
    size, last = 0, ""
    for row in rows:
        part = _described(row) if len(parts) < limit else b""
        size += len(part) + 1
        if not part or (parts and size > PAGE_BYTES):
            return HEAD + b",".join(parts) + TAIL, last
        parts.append(part)
        last = row.digest
    return HEAD + b",".join(parts) + TAIL, ""


def _annotated(session: Session, repository: str, rows: Sequence[ReferrerRow]) -> Iterator[ReferrerRow]:
    """The rows with those annotations too that may be long: asked for together, but not more than a page needs."""
    read: dict[str, str] = {}
    for place, row in enumerate(rows):
        if row.annotations_json is not None:
            yield row
            continue
        if row.digest not in read:
            read = _annotations(session, repository, rows[place:])
        if (annotations := read.pop(row.digest, None)) is not None:  # else it was deleted meanwhile
            yield row._replace(annotations_json=annotations)


def _annotations(session: Session, repository: str, rows: Sequence[ReferrerRow]) -> dict[str, str]:
    """Of the first of these rows, by their digests; annotations are never longer than their manifest."""
    digests: list[str] = []
    size = 0
    for row in rows:
        if row.annotations_json is None:
            size += row.size
            if digests and size > PAGE_BYTES:
                break
            digests.append(row.digest)
    answers = session.batch([manifests.ask_annotations(repository, digest) for digest in digests])
    return {digest: found[0][0] for digest, found in zip(digests, answers, strict=True) if found}


def _described(row: ReferrerRow) -> bytes:
    annotations = msgspec.Raw(row.annotations_json) if row.annotations_json else None
    return msgspec.json.encode(_Descriptor(row.media_type, row.digest, row.size, row.artifact_type, annotations))
