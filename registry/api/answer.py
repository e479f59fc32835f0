"""What a handler answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class FileBody:
    """A body out of an open file: parts of `(bytes before, offset, count)`, then `tail`. Its sender closes `reader`."""

    reader: BinaryIO
    parts: list[tuple[bytes, int, int]]
    tail: bytes = b""

    @property
    def length(self) -> int:
        return sum(len(before) + count for before, _, count in self.parts) + len(self.tail)


@dataclass(slots=True)
class Answer:
    """`length` is the Content-Length where it is not the body's (HEAD)."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | FileBody = b""
    length: int | None = None

    @property
    def content_length(self) -> int:
        if self.length is not None:
            return self.length
        return self.body.length if isinstance(self.body, FileBody) else len(self.body)


def json_answer(value: object, headers: Headers | None = None, media_type: bytes = b"application/json") -> Answer:
    return Answer(200, [(b"content-type", media_type), *(headers or [])], msgspec.json.encode(value))
