"""As much of HTTP/1.1 as a proxy needs: heads, and bodies passed on as they are framed."""

from asyncio import IncompleteReadError, StreamReader
from collections.abc import AsyncIterator
from typing import NamedTuple

PIECE = 256 * 1024


class Head(NamedTuple):
    """A request's or an answer's head; `raw` ends with the empty line, header names are lower case."""

    raw: bytes
    first: list[str]
    headers: dict[str, str]

    @property
    def status(self) -> int:
        return int(self.first[1])


async def read_head(reader: StreamReader) -> Head | None:
    """The next head, or None where the connection ends instead."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except (IncompleteReadError, ConnectionError):
        return None
    first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(raw, first.split(" ", 2), {name.strip().lower(): value.strip() for name, _, value in pairs})


def is_chunked(head: Head) -> bool:
    return "chunked" in head.headers.get("transfer-encoding", "").lower()


def has_body(answer: Head, method: str) -> bool:
    """Whether a body follows an answer to this method."""
    return method != "HEAD" and answer.status >= 200 and answer.status not in {204, 304}


async def body(reader: StreamReader, head: Head, *, to_the_end: bool = False) -> AsyncIterator[bytes]:
    """The bytes of a body with their framing; `to_the_end`: without a length it ends with the connection."""
    if is_chunked(head):
        async for piece in _chunks(reader):
            yield piece
    elif "content-length" in head.headers:
        async for piece in _exactly(reader, int(head.headers["content-length"])):
            yield piece
    elif to_the_end:
        while piece := await reader.read(PIECE):
            yield piece


async def _exactly(reader: StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(min(size, PIECE))
        if not piece:
            raise ConnectionResetError(f"a body ended {size} bytes early")
        size -= len(piece)
        yield piece


async def _chunks(reader: StreamReader) -> AsyncIterator[bytes]:
    size = -1
    while size:
        line = await reader.readuntil(b"\r\n")
        yield line
        size = int(line.partition(b";")[0], 16)
        if size:
            async for piece in _exactly(reader, size + 2):
                yield piece
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        yield line
    yield line
