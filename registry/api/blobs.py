"""Handlers of /v2/NAME/blobs/DIGEST."""

from __future__ import annotations

import secrets
from typing import BinaryIO

from registry.api.answer import Answer, FileBody, Headers
from registry.api.conditional import check_match, etag, not_modified, tags_in, unchanged
from registry.api.fast_answer import FastAnswer
from registry.api.path import Path
from registry.api.request import Request
from registry.api.services import Services
from registry.metadata.blobs import Located
from registry.metadata.session import Session
from registry.oci.errors import RangeInvalid, RegistryFault
from registry.oci.range import RangeUnsatisfiable, parse_range
from registry.services.blob_delete import delete_blob
from registry.services.pull import FoundBlob, find_blob
from storage.digest import Digest

OCTETS = b"application/octet-stream"
SMALL_BLOB_BYTES = 64 * 1024
"""Blobs up to this size are read and sent in one go."""

FOREVER = (b"cache-control", b"private, max-age=31536000, immutable")
"""A digest's bytes never change; `private`, as not every client may have them."""


async def get(request: Request, services: Services) -> Answer:
    digest = request.digest
    blob = await services.pull.blob(request.name, digest, request.actor)
    try:
        check_match(request, f"{request.name}@{digest}", str(digest))
        if not_modified(request, str(digest)):
            blob.close()
            return unchanged(Answer(304, _headers(digest)))
        spans = _spans(request, services, digest, blob.size)
        away = await _away(request, services, blob)
        if away is not None:
            return away
        file = services.content.local_path(digest, place=blob.where.place)
        by_proxy = services.proxy_files.of(request, file, blob.size)
        if by_proxy is not None:
            blob.close()
            return Answer(200, [*_headers(digest), (b"content-type", OCTETS), *by_proxy])
        first, last = (spans[0][0], max(end for _, end in spans)) if spans else (0, blob.size - 1)
        reader = await services.pull.opened(blob, first, last - first + 1, request.actor)
    except BaseException:
        blob.close()
        raise
    return _answer(digest, blob.size, spans, reader)


async def _away(request: Request, services: Services, blob: FoundBlob) -> Answer | None:
    """A redirect to where the bytes are; None for those who get them here.

    The storage heeds `Range` itself, but not as we do where the blob is empty.
    """
    redirects = services.redirects
    if (
        not blob.size
        or blob.reader is not None
        or not redirects.wants(request.origin.client, request.header(b"user-agent") or "")
    ):
        return None
    url = await services.pull.signed(blob, redirects.seconds)
    if url is None:
        return None
    digest = str(blob.digest).encode()
    return Answer(
        307, [(b"location", url.encode()), (b"docker-content-digest", digest), (b"cache-control", b"no-store")]
    )


def _answer(digest: Digest, size: int, spans: list[tuple[int, int]] | None, reader: BinaryIO) -> Answer:
    headers = _headers(digest)
    if spans is None:
        return Answer(200, [*headers, (b"content-type", OCTETS)], FileBody(reader, [(b"", 0, size)]))
    if len(spans) == 1:
        start, end = spans[0]
        body = FileBody(reader, [(b"", start, end - start + 1)])
        extra = [(b"content-type", OCTETS), (b"content-range", b"bytes %d-%d/%d" % (start, end, size))]
        return Answer(206, headers + extra, body)
    boundary = secrets.token_hex(12).encode()
    body = _multipart(FileBody(reader, []), spans, size, boundary)
    return Answer(206, [*headers, (b"content-type", b"multipart/byteranges; boundary=" + boundary)], body)


async def head(request: Request, services: Services) -> Answer:
    digest = request.digest
    size = await services.pull.blob_size(request.name, digest, request.actor)
    check_match(request, f"{request.name}@{digest}", str(digest))
    headers = _headers(digest)
    if not_modified(request, str(digest)):
        return unchanged(Answer(304, headers))
    return Answer(200, [*headers, (b"content-type", OCTETS)], length=size)


def find(session: Session, path: Path) -> Located | RegistryFault:
    """Of the fast answer."""
    return find_blob(session, path.name, path.reference)


def build(services: Services, path: Path, method: str, located: Located) -> FastAnswer | None:
    """Of the fast answer; None for what the handler looks for, or sends from a file."""
    digest, content = Digest.parse(path.reference), services.content
    headers = [*_headers(digest), (b"content-type", OCTETS), (b"content-length", b"%d" % located.size)]
    blob = path.name, path.reference
    if not content.local:
        return FastAnswer(headers, blob=blob) if method == "HEAD" else None
    if located.size > SMALL_BLOB_BYTES and method != "HEAD":
        return None
    file = content.local_path(digest, place=located.place)
    return None if file is None else FastAnswer(headers, b"", file, located.size, blob)


async def delete(request: Request, services: Services) -> Answer:
    await delete_blob(services.database, request.name, request.digest, request.actor)
    return Answer(202)


def _headers(digest: Digest) -> Headers:
    text = str(digest)
    return [
        (b"docker-content-digest", text.encode()),
        (b"etag", etag(text)),
        (b"accept-ranges", b"bytes"),
        FOREVER,
    ]


def _spans(request: Request, services: Services, digest: Digest, size: int) -> list[tuple[int, int]] | None:
    """The ranges asked for; None for the whole blob. Raises RangeInvalid."""
    header = request.header(b"range")
    if header is None:
        return None
    condition = request.header(b"if-range")
    if condition is not None and (condition.startswith("W/") or str(digest) not in tags_in(condition)):
        return None
    try:
        return parse_range(header, size, services.ranges)
    except RangeUnsatisfiable as error:
        raise RangeInvalid(
            f"the blob has {size} bytes, {header[:100]!r} is beyond them",
            {"size": size},
            headers={"content-range": f"bytes */{size}"},
        ) from error


def _multipart(body: FileBody, spans: list[tuple[int, int]], size: int, boundary: bytes) -> FileBody:
    """RFC 9110 section 14.6."""
    for number, (start, end) in enumerate(spans):
        lead = b"" if number == 0 else b"\r\n"
        before = lead + b"--%b\r\ncontent-type: %b\r\ncontent-range: bytes %d-%d/%d\r\n\r\n" % (
            boundary,
            OCTETS,
            start,
            end,
            size,
        )
        body.parts.append((before, start, end - start + 1))
    body.tail = b"\r\n--%b--\r\n" % boundary
    return body
