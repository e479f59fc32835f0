"""A request's head: where it ends, what it must be like, what it says of the body (RFC 9112, 2.2, 3.2, 6, 7). Pure."""

from __future__ import annotations

from typing import NamedTuple

from registry.transport.limits import Limits

Headers = list[tuple[bytes, bytes]]


class Head(NamedTuple):
    """A request but for its body."""

    method: bytes
    version: str
    url: bytes
    headers: Headers


class HeadEnd:
    """Finds where a head ends, however the network has cut it: its last line end may come in two pieces."""

    __slots__ = ("_before",)

    _END = b"\r\n\r\n"

    def __init__(self) -> None:
        self._before = b""

    def cut(self, data: bytes) -> tuple[bytes, bytes, bool, bool]:
        """What belongs to the head, what follows it, whether the head ends here, and whether nothing came before."""
        before = self._before
        found = (before + data).find(self._END) if before else data.find(self._END)
        if found < 0:
            self._before = (before + data)[-3:]
            return data, b"", False, False
        end = found + len(self._END) - len(before)
        self._before = b""
        return data[:end], data[end:], True, not before


class BadHead(Exception):
    """The request is refused for its head, with this status and for this reason."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class Framing(NamedTuple):
    """The body's length, None when it is in chunks; and whether the client waits to be told to send it."""

    length: int | None
    expects: bool


def check_head(version: str, headers: Headers, size: int, hosts: int, limits: Limits) -> None:
    """Raises BadHead. `size` is at least that of the headers, so that a small head need not be measured."""
    if len(headers) > limits.header_count:
        raise BadHead(431, "the request has too many headers")
    if size > limits.header_size and sum(len(name) + len(value) for name, value in headers) > limits.header_size:
        raise BadHead(431, "the headers of the request are too large")
    if version == "1.1":
        if hosts != 1:
            raise BadHead(400, "the request must have one Host header")
    elif version != "1.0":
        raise BadHead(505, "the request is not HTTP/1.1")


def framing(headers: Headers, *, upgrades: bool) -> Framing:
    """Raises BadHead. `upgrades`: the request asks for another protocol as well."""
    length: int | None = 0
    expects = False
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise BadHead(400, "no transfer coding but chunked is understood here")
            if upgrades:
                raise BadHead(400, "an upgrade cannot come with a chunked body")
            length = None
        elif name == b"expect":
            expects = value.lower() == b"100-continue"
    return Framing(length, expects)
