"""A request that came in one piece, and an answer that leaves in one."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from registry.transport.application import Answer
from registry.transport.head import Headers

METHODS = frozenset((b"POST", b"PATCH", b"PUT"))
"""Of requests that may have a body."""

_MORE_TO_IT = frozenset((b"transfer-encoding", b"expect", b"upgrade"))


def body_size(headers: Headers) -> int | None:
    """The length of the body, 0 if there is none; None where the head says more of the body than that."""
    size = 0
    for name, value in headers:
        if name == b"content-length":
            size = int(value)
        elif name in _MORE_TO_IT:
            return None
    return size


def answer_of(status: int, headers: Headers, payload: bytes) -> Answer:
    """The answer as it is written. Raises ValueError for a header that would end its line."""
    head = lines(headers)
    if head.count(b"\n") != len(headers) or head.count(b"\r") != len(headers):
        raise ValueError("a header of the answer has a line end in it")
    return STATUS_LINE[status], b"%b\r\n%b" % (head, payload)


def lines(headers: Headers) -> bytes:
    """Headers as they are written."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])
