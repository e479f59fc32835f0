"""A blob as it streams: after a dropped connection it is asked for again from where it stopped (RFC 9110, 14).

A server that does not know ranges answers from the start; what was read already is then skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from registry.client.errors import Dropped, InvalidAnswer, SizeMismatch, Unreachable
from registry.client.response import Response
from registry.client.transport import RetryPolicy

_PIECE = 1 << 20
_MOST_RESUMES = 100
"""Over one blob, however far each of them came."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


class ContentRange(NamedTuple):
    """First and last byte of a part, and the bytes of the whole where that is said."""

    first: int
    last: int
    total: int | None


def content_range(text: str) -> ContentRange | None:
    """Read the header of a 206; None when it is not of the form."""
    found = _CONTENT_RANGE.fullmatch(text.strip())
    if found is None:
        return None
    return ContentRange(int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))


class BlobReader:
    """`ask(offset)` sends the request and gives its answer; `what` begins error texts. Not for several threads."""

    def __init__(
        self, ask: Callable[[int], Response], what: str, retry: RetryPolicy, *, size: int | None, offset: int
    ) -> None:
        self._ask = ask
        self._what = what
        self._retry = retry
        self._answer: Response | None = None
        self._resumes = 0
        self._fruitless = 0
        self._closed = False
        self.size = size
        self.position = offset
        if size is None or offset < size:
            self._open()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """See `distribution.Reader`: what came by now, so it may be less than `size`; never empty before the end."""
        if self._closed:
            raise ValueError(f"{self._what}: read after close")
        if size < 0:
            parts = []
            while data := self.read(_PIECE):
                parts.append(data)
            return b"".join(parts)
        wanted = size if self.size is None else min(size, self.size - self.position)
        while wanted > 0:
            try:
                data = self._next(wanted)
            except Unreachable as error:
                self._dropped(error)
            else:
                self.position += len(data)
                self._fruitless = 0 if data else self._fruitless
                return data
        return b""

    def close(self) -> None:
        """Give the connection back, or close it when bytes are left."""
        self._closed = True
        self._leave()

    def _leave(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self, wanted: int) -> bytes:
        if self._answer is None:
            self._open()
        assert self._answer is not None, "it was just opened"
        data = self._answer.read(wanted)
        if not data and self.size is not None:
            raise Dropped(f"{self._what}: it ended after {self.position} of {self.size} bytes")
        return data

    def _dropped(self, error: Unreachable) -> None:
        """Be ready to ask again, or raise when that came to nothing too often."""
        self._leave()
        self._resumes += 1
        self._fruitless += 1
        if self._fruitless >= self._retry.attempts or self._resumes >= _MOST_RESUMES:
            raise error
        if self._fruitless > 1:
            self._retry.longer.wait(self._fruitless - 1)

    def _open(self) -> None:
        answer = self._ask(self.position)
        try:
            start, total = self._place(answer)
            self._agree(total)
            self._skip(answer, self.position - start)
        except BaseException:
            answer.close()
            raise
        self._answer = answer

    def _place(self, answer: Response) -> tuple[int, int | None]:
        """The offset that an answer begins at, and the size of the whole blob if it says so."""
        if answer.status == 200:
            return 0, answer.length
        part = content_range(answer.header("Content-Range")) if answer.status == 206 else None
        if part is None or part.first != self.position:
            raise InvalidAnswer(
                f"{self._what}: asked for the bytes from {self.position} on, the answer is {answer.status} with "
                f"range {answer.header('Content-Range')[:100]!r}"
            )
        return part.first, part.total

    def _agree(self, total: int | None) -> None:
        if total is None:
            return
        if self.size is not None and self.size != total:
            raise SizeMismatch(self._what, self.size, total)
        self.size = total

    def _skip(self, answer: Response, left: int) -> None:
        while left > 0:
            data = answer.read(min(left, _PIECE))
            if not data:
                raise Dropped(f"{self._what}: it ended before byte {self.position}")
            left -= len(data)
