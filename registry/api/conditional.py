"""Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13)."""

from __future__ import annotations

from registry.api.answer import Answer
from registry.api.request import Request
from registry.services.conditions import Conditions


def etag(digest: str) -> bytes:
    return b'"%b"' % digest.encode()


def tags_in(header: str) -> frozenset[str]:
    """The opaque tags of an `If-Match` or `If-None-Match`, without quotes and weakness; `*` as itself."""
    return frozenset(part.strip().removeprefix("W/").strip('"') for part in header.split(",") if part.strip())


def conditions(request: Request) -> Conditions:
    match, none_match = request.header(b"if-match"), request.header(b"if-none-match")
    return Conditions(None if match is None else tags_in(match), None if none_match is None else tags_in(none_match))


def not_modified(request: Request, digest: str) -> bool:
    """Whether the client says it holds `digest` already."""
    header = request.header(b"if-none-match")
    if header is None:
        return False
    held = tags_in(header)
    return "*" in held or digest in held


def unchanged(answer: Answer) -> Answer:
    """304 with the headers of what has not changed, and no body."""
    kept = [(name, value) for name, value in answer.headers if name != b"content-type"]
    return Answer(304, kept)
