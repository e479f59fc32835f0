"""Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13)."""

from __future__ import annotations

from registry.api.answer import Answer
from registry.api.request import Request
from registry.services.conditions import Conditions


def etag(digest: str) -> bytes:
    return b'"%b"' % digest.encode()


def tags_in(header: str, *, strong: bool = False) -> frozenset[str]:
    """The opaque tags of a list of them, without quotes; a bare `*` as itself. `strong` leaves out weak ones."""
    parts = [part.strip() for part in header.split(",")]
    if strong:
        parts = [part for part in parts if not part.startswith("W/")]
    tags = {part.removeprefix("W/").strip('"') for part in parts} - {"", "*"}
    return frozenset(tags | {"*"} if "*" in parts else tags)


def conditions(request: Request) -> Conditions:
    """Those of a change. Weak tags are as good as others to say what must not be there, never what must."""
    match, none_match = request.listed(b"if-match"), request.listed(b"if-none-match")
    return Conditions(
        None if match is None else tags_in(match, strong=True), None if none_match is None else tags_in(none_match)
    )


def not_modified(request: Request, digest: str) -> bool:
    """Whether the client says it holds `digest` already."""
    header = request.listed(b"if-none-match")
    if header is None:
        return False
    held = tags_in(header)
    return "*" in held or digest in held


def check_match(request: Request, name: str, digest: str) -> None:
    """Raises PreconditionFailed when a read asks for another state than this."""
    header = request.listed(b"if-match")
    if header is not None:
        Conditions(match=tags_in(header, strong=True)).check(name, digest)


def unchanged(answer: Answer) -> Answer:
    """304 with the headers of what has not changed, and no body."""
    kept = [(name, value) for name, value in answer.headers if name != b"content-type"]
    return Answer(304, kept)
