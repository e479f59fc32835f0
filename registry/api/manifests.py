"""Handlers of /v2/NAME/manifests/REFERENCE."""

from __future__ import annotations

from registry.api.answer import Answer, Headers
from registry.api.conditional import check_match, conditions, etag, not_modified, unchanged
from registry.api.fast_answer import FastAnswer
from registry.api.location import location
from registry.api.path import Path
from registry.api.request import Request
from registry.api.services import Services
from registry.metadata import manifests as rows
from registry.metadata.manifests import ManifestRow
from registry.metadata.session import Session
from registry.oci.errors import ManifestTooLarge, RegistryFault, TagInvalid
from registry.oci.reference import valid_tag
from registry.services.pull import missing_manifest

MOST_TAGS = 100
"""Tags that one push may set."""


async def get(request: Request, services: Services) -> Answer:
    """GET and HEAD."""
    row = await services.pull.manifest(request.name, request.reference, request.actor)
    check_match(request, f"{request.name} {request.reference}", row.digest)
    services.freed_memory.release_soon(len(row.payload))
    answer = Answer(200, _headers(row), row.payload)
    return unchanged(answer) if not_modified(request, row.digest) else answer


def find(session: Session, path: Path) -> ManifestRow | RegistryFault:
    """Of the fast answer."""
    by = rows.by_digest if ":" in path.reference else rows.by_tag
    return by(session, path.name, path.reference) or missing_manifest(session, path.name, path.reference)


def build(services: Services, path: Path, method: str, row: ManifestRow) -> FastAnswer:
    """Of the fast answer."""
    services.freed_memory.release_soon(len(row.payload))
    headers = [*_headers(row), (b"content-length", b"%d" % len(row.payload))]
    return FastAnswer(headers, b"" if method == "HEAD" else row.payload)


def _headers(row: ManifestRow) -> Headers:
    return [
        (b"content-type", row.media_type.encode()),
        (b"docker-content-digest", row.digest.encode()),
        (b"etag", etag(row.digest)),
    ]


async def put(request: Request, services: Services) -> Answer:
    length = request.body.length
    if length is not None and length > services.manifest_size:
        raise ManifestTooLarge(f"the manifest has {length} bytes, at most {services.manifest_size} are taken")
    more_tags = request.query.get("tag", [])
    if len(more_tags) > MOST_TAGS:
        raise TagInvalid(f"{len(more_tags)} tags in one push, at most {MOST_TAGS} are taken")
    for tag in more_tags:
        if not valid_tag(tag):
            raise TagInvalid(f"{tag[:140]!r} is not a tag", {"tag": tag[:140]})
    try:
        payload = await request.body.read(services.manifest_size)
        pushed = await services.manifests.put(
            request.name,
            request.reference,
            payload,
            request.header(b"content-type"),
            more_tags,
            conditions(request),
            request.actor,
        )
    finally:
        services.freed_memory.release_soon(services.manifest_size if length is None else length)
    path = f"/v2/{request.name}/manifests/{pushed.digest}"
    headers = [
        (b"location", location(request, services, path)),
        (b"docker-content-digest", pushed.digest.encode()),
        (b"etag", etag(pushed.digest)),
    ]
    if pushed.subject:
        headers.append((b"oci-subject", pushed.subject.encode()))
    headers += [(b"oci-tag", tag.encode()) for tag in pushed.tags if tag in more_tags]
    return Answer(201, headers)


async def delete(request: Request, services: Services) -> Answer:
    if ":" in request.reference:
        await services.manifests.delete(request.name, request.reference, conditions(request), request.actor)
    else:
        await services.manifests.untag(request.name, request.reference, conditions(request), request.actor)
    return Answer(202)
