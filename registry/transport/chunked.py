"""The chunked transfer coding (RFC 9112, section 7.1), decoded in place and strictly. No sockets.

    chunked-body = *chunk last-chunk trailer-section CRLF
    chunk        = 1*HEXDIG [ chunk-ext ] CRLF chunk-data CRLF

    SIZE -> DATA -> END -> SIZE ...         a chunk
    SIZE -> TRAILER -> DONE                 the last one, of size 0

Lines end with CRLF and nothing else: what one reader takes for a line end and another does not is how requests are
smuggled.
"""

from __future__ import annotations

import enum
import re
import sys
from typing import NamedTuple

LONGEST_LINE = 4096
"""Bytes of a size line with its extensions, or of a trailer field."""

MOST_TRAILERS = 32

LONGEST_FRAME = 2 + 15 + 2
"""Bytes of what stands between two chunks, extensions left out."""

WORTH = 4096
"""Bytes of a chunk below which guessing the next one gains nothing."""

_BETWEEN = re.compile(rb"\r\n([0-9A-Fa-f]{1,15})\r\n")

_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*")

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")


class State(enum.Enum):
    """What comes next."""

    SIZE = "the size of a chunk"
    DATA = "its bytes"
    END = "the line end after them"
    TRAILER = "a trailer field, or the end"
    DONE = "the next request"


class InvalidChunk(ValueError):
    """The body is not in the chunked coding."""


class TooMuchBetween(InvalidChunk):
    """A size line or the trailer is longer than any client needs."""


class Frame(NamedTuple):
    """What is to be expected while chunks have one size: bytes `before` the text between chunks, and `size` after."""

    before: int
    text: bytes
    size: int


class Chunked:
    """Decodes one body, however it is cut into pieces."""

    def __init__(self) -> None:
        self.state = State.SIZE
        self._left = 0
        self._line = b""
        self._trailers = 0
        self._size = b""
        self._again = False

    @property
    def done(self) -> bool:
        return self.state is State.DONE

    @property
    def large(self) -> bool:
        """Whether chunks are such that many bytes come with few lines between them."""
        return len(self._size) >= len(b"%x" % WORTH)

    @property
    def frame(self) -> Frame | None:
        """What comes next, if chunks go on as the last two were; None when that is not worth a guess."""
        inside = self.state is State.DATA or (self.state is State.END and not self._line)
        if not self._again or not inside or (size := int(self._size, 16)) < WORTH:
            return None
        return Frame(self._left, b"\r\n%b\r\n" % self._size, size)

    def skip(self, frame: Frame, beyond: int) -> None:
        """Bytes came as `frame` said: up to the end of a chunk and `beyond`, or to so many bytes before the end."""
        self._left = max(0, -beyond)
        self.state = State.DATA if self._left else State.END

    def decode(self, buffer: memoryview, start: int, end: int, most: int = sys.maxsize) -> tuple[int, int]:
        """Move the body bytes in `buffer[start:end]` to `start`.

        Answers where they end now, and up to where the input was used: short of `end` when the body is done, what
        follows being the next request, or after `most` chunks. Raises InvalidChunk.
        """
        read = write = start
        while read < end and most > 0 and self.state is not State.DONE:
            if self.state is State.DATA:
                count = min(self._left, end - read)
                if read != write:
                    buffer[write : write + count] = buffer[read : read + count]
                read, write, self._left = read + count, write + count, self._left - count
                if not self._left:
                    self.state = State.END
                    most -= 1
            elif self.state is State.END and not self._line and (size := _between(buffer[read:end])):
                self._size_is(size)
                read += len(size) + 4
            else:
                read = self._take_line(buffer, read, end)
        return write, read

    def _take_line(self, buffer: memoryview, read: int, end: int) -> int:
        """Go on with a line; where it ends."""
        piece = bytes(buffer[read : min(end, read + LONGEST_LINE)])
        found = piece.find(b"\n")
        if found < 0:
            self._line += piece
            if len(self._line) > LONGEST_LINE:
                raise TooMuchBetween("a size line or a trailer field is too long")
            return read + len(piece)
        line, self._line = self._line + piece[:found], b""
        if not line.endswith(b"\r") or len(line) > LONGEST_LINE:
            raise InvalidChunk("a line between chunks does not end as it should")
        self._line_is(line[:-1])
        return read + found + 1

    def _size_is(self, line: bytes) -> None:
        # One with an extension says something new each time, as likely as not.
        self._again, self._size = line == self._size and line.isalnum(), line
        self._left = int(line.partition(b";")[0], 16)
        self.state = State.DATA if self._left else State.TRAILER

    def _line_is(self, line: bytes) -> None:
        if self.state is State.SIZE:
            size = _SIZE.fullmatch(line)
            if size is None:
                raise InvalidChunk("the size of a chunk is not a number")
            self._size_is(line)
        elif self.state is State.END:
            if line:
                raise InvalidChunk("a chunk is longer than its size")
            self.state = State.SIZE
        elif line:
            self._trailers += 1
            if self._trailers > MOST_TRAILERS:
                raise TooMuchBetween("there are too many trailer fields")
            if not _TRAILER.fullmatch(line):
                raise InvalidChunk("a line of the trailer is not of the form `name: value`")
        else:
            self.state = State.DONE


def _between(piece: memoryview) -> bytes:
    """The size with which `piece` goes on after a chunk, in the form that most clients use."""
    found = _BETWEEN.match(piece)
    return found[1] if found else b""
