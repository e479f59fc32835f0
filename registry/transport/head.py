"""A request's head: what it must be like, and what it says of the body (RFC 9112, 2.2, 3, 5, 6; RFC 9110, 7.2). Pure.

Strict where one reader may understand another thing than the next one: that is how requests are smuggled.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from registry.transport.limits import Limits

Headers = list[tuple[bytes, bytes]]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"

_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_VALUE_BYTES = bytes(byte for byte in range(256) if byte == 0x09 or (byte >= 0x20 and byte != 0x7F))

_LINE = re.compile(rb"(" + _TOKEN + rb"{1,40}) ([!-~]+) HTTP/([0-9]\.[0-9])")

_URL_BYTES = bytes(byte for byte in range(0x21, 0x7F) if byte != ord("#"))

_BARE_LF = re.compile(rb"(?<!\r)\n")

_LINE_BEGINS = re.compile(rb"" + _TOKEN + rb"{1,40}(?: (?:[!-~]+(?: [HTP/0-9.]{0,8}\r?)?)?)?")
"""What may still become a request line."""

_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)([/?].*)?", re.IGNORECASE)

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9\-._~!$&'()*+,;=%]*)(?::[0-9]*)?")

_LENGTH = re.compile(rb"[0-9]{1,18}")

_MEANT_FOR_US = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect", b"connection"))

_LINE_REST = 60
"""Bytes of a request line besides its target."""


class Head(NamedTuple):
    """A request but for its body. Names of headers are in lower case."""

    method: bytes
    version: str
    url: bytes
    headers: Headers


UNKNOWN = Head(b"", "", b"", [])
"""Of a request whose head is too bad to say."""


class BadRequest(Exception):
    """The request is refused with this status and for this reason; `head` is what is known of it."""

    def __init__(self, status: int, reason: str, head: Head = UNKNOWN) -> None:
        self.status = status
        self.reason = reason
        self.head = head
        super().__init__(reason)


class Framing(NamedTuple):
    """The body's length, None when it is in chunks; whether the client waits to be told to send it; what follows."""

    length: int | None
    expects: bool
    keep_alive: bool


class Fields(NamedTuple):
    """The headers of a head, parsed."""

    headers: Headers
    framing: Framing
    hosts: int


class Heads:
    """Parses heads.

    A client sends the same headers again and again, below another request line, so what the last few hundred sets of
    headers came to is kept: that makes parsing as fast as a parser in C. What is kept depends on nothing but its bytes,
    and is bounded by number and size.
    """

    MOST_KEPT = 256
    LONGEST_KEPT = 1024

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kept: dict[bytes, Fields] = {}

    def parse(self, raw: bytes) -> tuple[Head, Framing]:
        """`raw` ends with the empty line. Raises BadRequest."""
        end = raw.find(b"\r\n")
        method, url, version = self._line(raw[:end])
        block = raw[end + 2 : -2]
        headers: Headers = []
        try:
            fields = self._kept.get(block) or self._parsed(block)
            headers = fields.headers.copy()
            if version != "1.1" or fields.hosts != 1 or not url.startswith(b"/"):
                return _unusual(Head(method, version, url, headers), fields)
            return Head(method, version, url, headers), fields.framing
        except BadRequest as error:
            error.head = Head(method, version, url, headers)
            raise

    def _line(self, line: bytes) -> tuple[bytes, bytes, str]:
        if len(line) > self._limits.request_line:
            raise BadRequest(414, "the request line is too long")
        try:
            method, url, protocol = line.split(b" ")
        except ValueError:
            raise BadRequest(400, "the request is not HTTP/1.1") from None
        if protocol == b"HTTP/1.1" and method.isalpha() and not url.translate(None, _URL_BYTES):
            return method, url, "1.1"
        return _checked_line(line)

    def _parsed(self, block: bytes) -> Fields:
        fields = parse_fields(block, self._limits)
        if len(block) <= self.LONGEST_KEPT:
            if len(self._kept) >= self.MOST_KEPT:
                self._kept.clear()
            self._kept[block] = fields
        return fields


def _unusual(head: Head, fields: Fields) -> tuple[Head, Framing]:
    """A head that is bad, old, or has another target than a path."""
    framing = fields.framing
    if fields.hosts != 1 and (fields.hosts or head.version == "1.1"):
        raise BadRequest(400, "the request must have one Host header")
    if head.version == "1.0":
        if framing.length is None:
            raise BadRequest(400, "HTTP/1.0 has no transfer codings")
        framing = Framing(framing.length, expects=False, keep_alive=False)
    return head if head.url.startswith(b"/") else _origin_form(head), framing


def parse_fields(block: bytes, limits: Limits) -> Fields:
    """Lines of headers, each with its end. Raises BadRequest."""
    lines = block.split(b"\r\n")
    if len(lines) - 1 > limits.header_count:
        raise BadRequest(431, "the request has too many headers")
    headers: Headers = []
    names = []
    size = 0
    for line in lines[:-1]:
        name, colon, value = line.partition(b":")
        if not colon or not name:
            raise BadRequest(400, "a header of the request is not of the form `name: value`")
        value = value.strip(b" \t")
        names.append(name)
        headers.append((name.lower(), value))
        size += len(name) + len(value)
    if b"".join(names).translate(None, _NAME_BYTES) or len(block.translate(None, _VALUE_BYTES)) != 2 * len(headers):
        raise BadRequest(400, "a header of the request has bytes in it that may not be there")
    if size > limits.header_size:
        raise BadRequest(431, "the headers of the request are too large")
    framing, hosts = _framing(headers)
    return Fields(headers, framing, hosts)


def check_unfinished(raw: bytes, limits: Limits) -> None:
    """Refuse the beginning of a head as soon as nothing good can come of it. Raises BadRequest."""
    end = raw.find(b"\n")
    line = raw[:end].removesuffix(b"\r") if end >= 0 else raw
    if len(line) > limits.request_line + (_LINE_REST if end < 0 else 0):
        raise BadRequest(414, "the request line is too long")
    if end < 0:
        if not _LINE_BEGINS.fullmatch(raw):
            raise BadRequest(400, "the request is not HTTP/1.1")
        return
    method, url, version = _checked_line(line)
    if raw[end - 1 : end] != b"\r" or _BARE_LF.search(raw):
        raise BadRequest(400, "a line of the request's head does not end as it should", Head(method, version, url, []))
    if len(raw) > limits.request_line + limits.header_size + 4 * limits.header_count + 1024:
        raise BadRequest(431, "the request's head is too large", Head(method, version, url, []))


def _checked_line(line: bytes) -> tuple[bytes, bytes, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadRequest(400, "the request is not HTTP/1.1")
    method, url, version = match[1], match[2], match[3].decode()
    if version not in ("1.1", "1.0"):
        raise BadRequest(505, "the request is not HTTP/1.1", Head(method, version, url, []))
    if b"#" in url:
        raise BadRequest(400, "the request's target has a fragment", Head(method, version, url, []))
    return method, url, version


def _origin_form(head: Head) -> Head:
    """The same with a path for a target: RFC 9112, 3.2.2 and 3.2.4."""
    if head.url == b"*" and head.method == b"OPTIONS":
        return head._replace(url=b"/")
    absolute = _ABSOLUTE.fullmatch(head.url)
    if absolute is None or b"#" in head.url or not _HOST.fullmatch(absolute[1]):
        raise BadRequest(400, "the request's target is not a path")
    path: bytes = absolute[2] or b"/"
    headers = [(name, absolute[1] if name == b"host" else value) for name, value in head.headers]
    return head._replace(url=path if path.startswith(b"/") else b"/" + path, headers=headers)


def _framing(headers: Headers) -> tuple[Framing, int]:
    """What the headers say of the body, and how many hosts they name."""
    length: int | None = None
    hosts = 0
    chunked = expects = False
    keep_alive = True
    for name, value in headers:
        if name not in _MEANT_FOR_US:
            continue
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                raise BadRequest(400, "the Host header is not a host")
        elif name == b"content-length":
            if length is not None or not _LENGTH.fullmatch(value):
                raise BadRequest(400, "the Content-Length header is not one number")
            length = int(value)
        elif name == b"transfer-encoding":
            if chunked or value.lower() != b"chunked":
                raise BadRequest(400, "no transfer coding but chunked is understood here")
            chunked = True
        elif name == b"expect":
            expects = value.lower() == b"100-continue"
        elif b"close" in [token.strip() for token in value.lower().split(b",")]:
            keep_alive = False
    if chunked and length is not None:
        raise BadRequest(400, "a body has a Content-Length or is in chunks, not both")
    return Framing(None if chunked else length or 0, expects, keep_alive), hosts
