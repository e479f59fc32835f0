"""Connections that tell a head cut off in its middle: `http.client` takes the end of the connection for its end.

An answer would then stand with half of its headers: a location without its end, a length with fewer digits.
"""

from __future__ import annotations

from http.client import HTTPResponse, RemoteDisconnected
from typing import Any, BinaryIO, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Lines:
    """Lines of a file as they are read, the last one kept."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.last = b""

    def readline(self, limit: int = -1, /) -> bytes:
        self.last = self.file.readline(limit)
        return self.last

    def close(self) -> None:
        self.file.close()


class _WholeHead(HTTPResponse):
    """Raises RemoteDisconnected when the connection ends before the empty line that ends the head."""

    def begin(self) -> None:
        lines = _Lines(cast("BinaryIO", self.fp))
        self.fp = cast("Any", lines)
        try:
            super().begin()
        finally:
            self.fp = cast("Any", lines.file)
        if lines.last not in (b"\r\n", b"\n"):
            raise RemoteDisconnected("it ended in the head of the answer")


class _Connection(HTTPConnection):
    response_class = _WholeHead


class _TlsConnection(HTTPSConnection):
    response_class = _WholeHead


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _Pool, "https": _TlsPool}
"""For `PoolManager.pool_classes_by_scheme`."""
