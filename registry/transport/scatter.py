"""Receives a body in chunks without moving its bytes.

Clients send chunks of one size (Go's HTTP client, and so docker and containerd: 32 KiB), so what will stand between
them is known before it comes. One call asks the kernel to put bytes into the buffer, one behind the other, and the
framing between them aside, where it is compared with what was guessed. What was guessed wrongly is put together again
and decoded.

A wrong guess may cost a copy, never a byte, and no chunk is taken for right without its framing having been compared.
What it gains: "64 MiB blob push, POST+PATCH+PUT, chunked as docker sends it" in docs/benchmarks.md.
"""

from __future__ import annotations

import socket
from itertools import chain

from registry.transport.chunked import LONGEST_FRAME, Chunked, Frame

FRAMES = 256
"""Most frames in one call; the kernel takes 1,024 pieces, and each frame has bytes on one side."""

ROOM = FRAMES * LONGEST_FRAME
"""Bytes left free at the buffer's end: bytes that were framing by the guess may turn out to be the body's."""


UNGUESSED = 256 * 1024
"""Most bytes in one call without a guess: they may be many small chunks, which take long to decode."""


def receive(source: socket.socket, decoder: Chunked, buffer: memoryview, start: int) -> tuple[int, int, bytes]:
    """Receive body bytes to `buffer[start:]`.

    Answers how many bytes came, 0 when the peer has closed; where the body's end now; and what follows the body. Raises
    what recv does, and InvalidChunk.
    """
    frame = decoder.frame
    if frame is None or len(buffer) - start <= ROOM:
        got = source.recv_into(buffer[start : start + UNGUESSED])
        filled, used = decoder.decode(buffer, start, start + got)
        return got, filled, bytes(buffer[used : start + got])
    data, aside = _views(frame, buffer[start : len(buffer) - ROOM])
    views = [data[0], *chain.from_iterable(zip(aside, data[1:], strict=True))]
    got = source.recvmsg_into(views)[0]
    right = _right(frame, got, aside)
    beyond = got - frame.before - right * (len(frame.text) + frame.size)
    decoder.skip(frame, beyond)
    if beyond <= 0:
        return got, start + got - right * len(frame.text), b""
    filled = start + frame.before + right * frame.size
    raw = memoryview(_joined(views[2 * right + 1 :], beyond))
    wrote, used = decoder.decode(raw, 0, beyond)
    buffer[filled : filled + wrote] = raw[:wrote]
    return got, filled + wrote, bytes(raw[used:])


def _views(frame: Frame, room: memoryview) -> tuple[list[memoryview], list[memoryview]]:
    """Places for the bytes before, between and after frames; and for the frames, one fewer."""
    ends = range(frame.before, len(room), frame.size)[:FRAMES]
    data = [room[: frame.before], *(room[end : end + frame.size] for end in ends)]
    length = len(frame.text)
    scratch = memoryview(bytearray(length * len(ends)))
    return data, [scratch[at : at + length] for at in range(0, len(scratch), length)]


def _right(frame: Frame, got: int, aside: list[memoryview]) -> int:
    """How many frames came whole and as guessed before the first that did not."""
    whole = max(0, got - frame.before + frame.size) // (len(frame.text) + frame.size)
    came = b"".join(aside[:whole])
    if came == frame.text * whole:
        return whole
    return next(number for number in range(whole) if aside[number] != frame.text)


def _joined(views: list[memoryview], count: int) -> bytearray:
    """The first `count` bytes of them."""
    raw = bytearray()
    for view in views:
        raw += view[: count - len(raw)]
        if len(raw) == count:
            break
    return raw
