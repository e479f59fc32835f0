"""Lanes: a few threads that move large bodies between a socket and the disk.

The event loop copies a large body in small reads and one thread hop for each. A lane takes the socket for as long as
bytes flow: one thread, one buffer, and every call in it (recv, hash, write, sendfile) runs without the interpreter's
lock.
It may never hold a connection that does not flow: a peer that stalls or drips gives its lane back, and the loop serves
it as usual. What it gains: "64 MiB blob pull" and "64 MiB blob push" in docs/benchmarks.md, by time and by CPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import mmap
import os
import select
import socket
import termios
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from registry.transport import scatter
from registry.transport.chunked import Chunked

T = TypeVar("T")

Sink = Callable[["memoryview | bytes"], object]
"""Takes pieces of a body, one after the other. It may use the memory of one until it is called again."""

NOTHING = b""
"""Given to a sink when its turn is over: it is done with the memory of the last piece when that call returns."""

STALL = 100
"""Milliseconds a peer may stall before its lane is given back."""

BLOCK = 4096
"""What the disk wants the place of a piece in its file to be a multiple of."""

SLACK = 128 * 1024
"""Bytes of a buffer left for the next piece; with less room it is handed on."""

TURN = 1.0
"""Seconds after which a lane reports back, so that the connection's clock and counters stay true."""

WORTH = 256 * 1024
"""Bytes below which a lane costs more than it saves; a peer that moves fewer in a turn has dripped."""

CHUNK = 4 << 20
"""Bytes a lane moves at a time. With half as many, the kernel needed a fifth more CPU; with more, as much."""


class Lanes:
    """At most `count` threads, shared by all connections of one worker; each calls `begin` first."""

    def __init__(self, count: int, begin: Callable[[], None] | None = None) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="lane", initializer=begin)
        self._free = count

    @property
    def free(self) -> bool:
        return self._free > 0

    async def run(self, work: Callable[[], T]) -> T:
        """`work` in a lane; the caller has looked at `free` first."""
        self._free -= 1
        try:
            return await ended(asyncio.get_running_loop().run_in_executor(self._pool, work))
        finally:
            self._free += 1

    def close(self) -> None:
        self._pool.shutdown(wait=True)


async def ended(future: asyncio.Future[T]) -> T:
    """What a thread's `future` comes to.

    A cancelled caller waits too: the thread still uses the descriptors and files that the caller is about to close.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


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


_own = threading.local()


def _buffers() -> Iterator[memoryview]:
    """The calling thread's own two buffers, in turns: one fills while what came in the other is still on its way.

    A mapping begins on a page, which lets the disk take large pieces without a copy; the fewer and larger its pages,
    the less it costs the kernel to pin them for that.
    """
    try:
        kept: Iterator[memoryview] = _own.buffers
    except AttributeError:
        pages = mmap.mmap(-1, 2 * CHUNK)
        with contextlib.suppress(OSError):  # a kernel without huge pages
            pages.madvise(mmap.MADV_HUGEPAGE)
        whole = memoryview(pages)
        kept = _own.buffers = itertools.cycle((whole[:CHUNK], whole[CHUNK:]))
    return kept


class Received(NamedTuple):
    """What a turn brought: how many bytes, whether the peer has closed, whether it keeps up, what follows the body."""

    size: int
    closed: bool
    flows: bool
    rest: bytes = b""


def receive(source: socket.socket, count: int, sink: Sink, lead: int = 0) -> Received:
    """Hand up to `count` received bytes to `sink`, a buffer at a time, until the peer stalls or the turn is over.

    The first piece has `lead` bytes, if any: so many that the pieces after it begin on a block of the file they go to.
    """
    readable = select.poll()
    readable.register(source, select.POLLIN)
    buffers = _buffers()
    buffer = next(buffers)
    taken = filled = 0
    closed = stalled = False
    full = min(lead, len(buffer)) or len(buffer)
    turn = time.monotonic() + TURN
    while taken + filled < count and not closed and not stalled and time.monotonic() < turn:
        want = min(full - filled, count - taken - filled)
        try:
            got = source.recv_into(buffer[filled:], want)
        except BlockingIOError:
            stalled = not readable.poll(STALL)
            continue
        except OSError:  # reset, timed out, no route: gone in one way or another
            got = 0
        if got == 0:
            closed = True
        filled += got
        if filled == full:
            sink(buffer[:full])
            buffer = next(buffers)
            taken, filled, full = taken + filled, 0, len(buffer)
    if filled:
        sink(buffer[:filled])
    sink(NOTHING)
    taken += filled
    return Received(taken, closed, not stalled and taken >= WORTH)


def receive_chunked(source: socket.socket, decoder: Chunked, sink: Sink, lead: int = 0) -> Received:
    """The same for a body in chunks, up to its end. Raises InvalidChunk."""
    try:
        return _receive_chunked(source, decoder, sink, lead)
    finally:
        sink(NOTHING)


def _receive_chunked(source: socket.socket, decoder: Chunked, sink: Sink, lead: int) -> Received:
    readable = select.poll()
    readable.register(source, select.POLLIN)
    buffers = _buffers()
    buffer = next(buffers)
    # Bytes begin where the pieces after the first will be at a page's beginning and a block's in the file.
    begin = filled = (BLOCK - lead) % BLOCK
    taken = 0
    rest = b""
    closed = stalled = False
    turn = time.monotonic() + TURN
    while not decoder.done and not closed and not stalled and time.monotonic() < turn:
        try:
            got, filled, rest = scatter.receive(source, decoder, buffer, filled)
        except BlockingIOError:
            stalled = not readable.poll(STALL)
            continue
        except OSError:
            got = 0
        closed = got == 0
        if filled >= len(buffer) - SLACK:
            whole = filled - filled % BLOCK
            taken += _hand_on(buffer[begin:whole], -begin % BLOCK, sink)
            begin, over, buffer = 0, buffer[whole:filled], next(buffers)
            filled = len(over)
            buffer[:filled] = over
    taken += _hand_on(buffer[begin:filled], -begin % BLOCK, sink)
    return Received(taken, closed, not stalled and taken >= WORTH, rest)


def _hand_on(piece: memoryview, lead: int, sink: Sink) -> int:
    """Hand on `piece`, its first `lead` bytes on their own; how many there were."""
    for part in (piece[:lead], piece[lead:]):
        if len(part):
            sink(part)
    return len(piece)


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
    """A second descriptor of an open transport's socket: the loop refuses to watch one that a transport uses."""
    peer = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    peer.setblocking(False)
    try:
        yield peer
    finally:
        peer.close()


def unsent(transport: asyncio.WriteTransport) -> tuple[int, int]:
    """Bytes that wait for the peer in the transport and in the kernel: a change tells that the peer reads."""
    in_kernel = bytearray(4)
    with contextlib.suppress(OSError, ValueError):  # closed already
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, in_kernel)
    return transport.get_write_buffer_size(), int.from_bytes(in_kernel, "little")
