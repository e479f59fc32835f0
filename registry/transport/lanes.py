"""Lanes: a few threads that move large bodies between a socket and the disk.

The event loop copies a large body in small reads and one thread hop for each. A lane takes the socket for as long as
bytes flow: one thread, one buffer, and every call in it (recv, hash, write, sendfile) runs without the interpreter's
lock.
A peer that stalls gives its lane back, so slow clients cannot hold the lanes; the loop then serves them as usual.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

STALL = 100
"""Milliseconds a peer may stall before its lane is given back."""

TURN = 1.0
"""Seconds after which a lane reports back, so that the connection's clock and counters stay true."""

CHUNK = 2 << 20
"""Bytes a lane moves at a time."""


class Lanes:
    """At most `count` threads, shared by all connections of one worker."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="lane")
        self._free = count

    @property
    def free(self) -> bool:
        return self._free > 0

    async def run(self, work: Callable[[], T]) -> T:
        """`work` in a lane; the caller has looked at `free` first."""
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._free += 1

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def send(to: socket.socket, fd: int, offset: int, end: int) -> int:
    """Send file bytes from `offset` until `end` or until the peer stalls; the offset reached. OSError as sendfile's."""
    writable = select.poll()
    writable.register(to, select.POLLOUT)
    turn = time.monotonic() + TURN
    while offset < end and time.monotonic() < turn:
        try:
            sent = os.sendfile(to.fileno(), fd, offset, min(end - offset, 8 * CHUNK))
        except BlockingIOError:
            if not writable.poll(STALL):
                return offset
            continue
        if sent == 0:
            raise TruncatedFile(offset)
        offset += sent
    return offset


def receive(source: socket.socket, count: int, sink: Callable[[memoryview], object]) -> tuple[int, bool, bool]:
    """Hand up to `count` received bytes to `sink`, a buffer at a time.

    Answers how many, whether the peer closed, whether it stalled. Returns early when it stalls, or the turn is over.
    """
    readable = select.poll()
    readable.register(source, select.POLLIN)
    # A mapping begins on a page, which lets the disk take large pieces without a copy.
    buffer = memoryview(mmap.mmap(-1, min(count, CHUNK)))
    taken = filled = 0
    closed = stalled = False
    turn = time.monotonic() + TURN
    while taken + filled < count and not closed and not stalled and time.monotonic() < turn:
        want = min(len(buffer) - filled, count - taken - filled)
        try:
            got = source.recv_into(buffer[filled:], want)
        except BlockingIOError:
            stalled = not readable.poll(STALL)
            continue
        except ConnectionError:
            got = 0
        if got == 0:
            closed = True
        filled += got
        if filled == len(buffer):
            sink(buffer)
            taken, filled = taken + filled, 0
    if filled:
        sink(buffer[:filled])
    return taken + filled, closed, stalled


class TruncatedFile(OSError):
    """The file ended before the bytes that were promised."""


async def until_writable(peer: socket.socket) -> None:
    """Wait on the event loop until `peer` takes bytes."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(peer, wake)
    try:
        await ready
    finally:
        loop.remove_writer(peer)


@contextlib.contextmanager
def borrowed(transport: asyncio.BaseTransport) -> Iterator[socket.socket]:
    """A second descriptor of the transport's socket: the loop refuses to watch one that a transport uses."""
    peer = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    peer.setblocking(False)
    try:
        yield peer
    finally:
        peer.close()
