"""The one writer of response heads."""

from __future__ import annotations

import http
import time
from email.utils import formatdate

from registry.transport.application import Response
from registry.transport.head import Headers

_NAMES = {
    name.lower(): name
    for name in (
        b"Docker-Distribution-API-Version",
        b"Docker-Upload-UUID",
        b"ETag",
        b"OCI-Filters-Applied",
        b"OCI-Subject",
        b"OCI-Tag",
        b"OCI-Chunk-Min-Length",
        b"WWW-Authenticate",
    )
}
"""Names that are not written as their words are: the specifications print them so, and scripts search for them."""


def _status_line(status: int) -> bytes:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


STATUS_LINE = {status: _status_line(status) for status in range(100, 600)}

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def response_of(status: int, headers: Headers, payload: bytes) -> Response:
    """The answer as it is written. Names are given in lower case. Raises ValueError for a header that ends its line."""
    head = lines(headers)
    if head.count(b"\n") != len(headers) or head.count(b"\r") != len(headers):
        raise ValueError("a header of the answer has a line end in it")
    return STATUS_LINE[status], b"%b\r\n%b" % (head, payload)


def lines(headers: Headers) -> bytes:
    """Headers as they are written."""
    return b"".join([b"%b: %b\r\n" % (_NAMES.get(name) or name.title(), value) for name, value in headers])


class _Common:
    """The headers that every answer has. They change once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._lines = b""

    def __call__(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._lines = lines([(b"date", formatdate(second, usegmt=True).encode()), NO_SNIFFING])
        return self._lines


NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""Pushed bytes are what their type says, and never a page or a script."""

common = _Common()


def written(answer: Response) -> bytes:
    """The bytes of an answer that begins now."""
    return b"".join((answer[0], common(), answer[1]))
