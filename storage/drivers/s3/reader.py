"""Reading an object: one GET from where it is opened; the kernel reads ahead, as far as a socket's buffer goes.

A body that breaks off is gone on with where it was, of the same object or not at all. Seeking elsewhere ends the GET;
the next read begins another. Closing before the end drops the connection: the rest is not fetched.
"""

from __future__ import annotations

import contextlib
import errno
import io
import re
from typing import Any, cast

from botocore.exceptions import BotoCoreError, HTTPClientError
from urllib3.exceptions import HTTPError

from storage.drivers.s3.bucket import Bucket, missing
from storage.drivers.s3.errors import code
from storage.errors import Explained

_TOTAL = re.compile(r"bytes (?:\d+-\d+|\*)/(\d+)")

_BROKEN = (BotoCoreError, HTTPClientError, HTTPError, OSError)
"""What reading a body fails with."""

_ALL = 1 << 20
"""Bytes at a time when all is asked for."""


class S3Reader(io.RawIOBase):
    """`length` bytes are asked for, from `offset` on; more only when more are read."""

    def __init__(self, bucket: Bucket, path: str, offset: int = 0, length: int | None = None) -> None:
        self._bucket = bucket
        self._path = path
        self._at = offset
        self._end = None if length is None else offset + length
        self._etag = ""
        self._size = 0
        self._body: Any = None
        self._body_at = 0
        self._left = 0
        self._open()

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast(bytearray, buffer)).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return self.readall()
        for _ in range(self._bucket.settings.attempts):
            if size == 0 or self._at >= self._size:
                return b""
            if self._body is None or self._body_at != self._at:
                self._open()
            data = self._some(min(size, self._left))
            if data:
                return data
        raise Explained(errno.EIO, "S3 broke off the object's bytes again and again")

    def readall(self) -> bytes:
        pieces = []
        while data := self.read(_ALL):
            pieces.append(data)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        at = offset + (0, self._at, self._size)[whence]
        if at < 0:
            raise ValueError(f"negative seek position {at}")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._drop()
        super().close()

    def _some(self, size: int) -> bytes:
        """Of what the GET has left; nothing when it broke off."""
        try:
            data: bytes = self._body.read(size)
        except _BROKEN:
            data = b""
        if not data:
            self._drop()
            return b""
        self._at += len(data)
        self._body_at = self._at
        self._left -= len(data)
        if not self._left:
            self._drop()
        return data

    def _open(self) -> None:
        self._drop()
        if self._end is not None and self._at >= self._end:
            if not self._etag and self._at == self._end:  # nothing is wanted yet
                self._size = self._bucket.stat(self._path).size
                return
            self._end = None
        last = "" if self._end is None else self._end - 1
        span = f"bytes={self._at}-{last}" if self._at or self._end is not None else ""
        try:
            answer = self._bucket.get(self._path, span, self._etag)
        except FileNotFoundError as error:
            raise missing(self._path) from error
        except OSError as error:
            if code(error) not in ("InvalidRange", "416"):
                raise
            self._size = self._bucket.stat(self._path).size  # it ends before
            return
        self._body, self._body_at, self._left = answer["Body"], self._at, answer["ContentLength"]
        total = _TOTAL.fullmatch(answer.get("ContentRange", ""))
        self._size = int(total[1]) if total else self._left
        self._etag = answer.get("ETag", "")
        if not self._left:
            self._drop()

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            with contextlib.suppress(*_BROKEN):
                body.close()
