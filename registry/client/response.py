"""One answer of a registry: status, headers, and bytes that are read within bounds."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Self

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from registry.client.endpoint import Origin, origin_of
from registry.client.errors import TooLarge
from registry.client.translate import translating

_PIECE = 1 << 16
_DRAINED = 1 << 16
"""Bytes that are worth reading to keep a connection; with more left it is closed."""


class Response:
    """Closed by the caller; the connection is used again when all bytes were read."""

    def __init__(self, response: BaseHTTPResponse, url: str) -> None:
        self._response = response
        self.status = response.status
        self.url = url
        self.headers = response.headers
        self.origin: Origin = origin_of(url)
        """Who answered, redirects followed."""

    @property
    def length(self) -> int | None:
        """The Content-Length, None when there is none to believe."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def header(self, name: str) -> str:
        """A header, empty when it is not there."""
        return self.headers.get(name, "")

    def read(self, size: int) -> bytes:
        """Some of the bytes that come next, at most `size`; empty at the end. Raises Unreachable."""
        with translating(self.origin.netloc):
            return self._response.read1(size) or b""

    def body(self, limit: int) -> bytes:
        """All bytes. Raises TooLarge when there are more than `limit`."""
        parts: list[bytes] = []
        left = limit
        while data := self.read(min(_PIECE, left + 1)):
            left -= len(data)
            if left < 0:
                raise TooLarge(f"{self.origin.netloc} answered with more than {limit} bytes")
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        """Give the connection back, or close it when much is left to read."""
        left = getattr(self._response, "length_remaining", None)
        with suppress(HTTPError, OSError):
            if left is not None and left <= _DRAINED:
                self._response.drain_conn()
                self._response.release_conn()
            else:
                self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
