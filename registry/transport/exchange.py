"""One request and its answer: ASGI's messages, and bodies that need not pass through the event loop."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import socket
import struct

import aiofiles
from starlette.types import Message, Scope

from registry.transport import lanes
from registry.transport.application import Disconnected
from registry.transport.chunked import InvalidChunk
from registry.transport.connection import State, bad_chunks
from registry.transport.head import Framing, Headers
from registry.transport.link import Link
from registry.transport.response import CONTINUE, response_of, written

HIGH_WATER = 1 << 20
"""Body bytes held for the application before reading pauses."""

HIGH_REST = 4 << 20
"""An unread rest of a body up to this size is read and thrown away, so that the connection can be used again."""

READ = 1 << 20
"""Bytes of a file read at a time for TLS."""

CLOSE = (b"connection", b"close")


class HttpExchange:
    """Satisfies application.Exchange. `link` is let go when the answer is complete and the application has returned."""

    def __init__(self, link: Link, scope: Scope, framing: Framing) -> None:
        self.scope = scope
        self.keep_alive = framing.keep_alive
        self.received = 0
        """Bytes of the body that have come."""
        self.complete = False
        """Whether the answer is."""
        self.started = False
        self.in_lane = False
        self.disconnected = False
        self._abandoned = False
        self._ended = False
        self.more_body = framing.length != 0
        self._link = link
        self._length = framing.length
        self._continue = framing.expects and self.more_body
        """Whether the client waits to be told to send the body."""
        self._chunks: collections.deque[bytes | memoryview] = collections.deque()
        self._buffered = 0
        self._collected = 0
        """Bytes of the body that the application has been given, and may still hold."""
        self._delivered = False
        self._waiter: asyncio.Future[None] | None = None
        self._start: tuple[int, Headers] | None = None
        self._left: int | None = None
        """Bytes of the answer's body to come, None while it is written in chunks."""
        self._reader: socket.socket | None = None
        self._lane_from = 0
        """Body bytes that must have come before a lane is worth it."""

    # The request's body

    def feed(self, data: bytes | memoryview, *, last: bool) -> None:
        """Body bytes from the connection."""
        size = len(data)
        self.received += size
        if size and not self.complete:
            self._chunks.append(data)
            self._buffered += size
            if self._buffered > HIGH_WATER:
                self._link.read_on(wanted=False)
        self.more_body = not last
        self._wake()

    def cut(self) -> None:
        """The client is gone, or as good as gone: wakes whatever waits for it."""
        self.disconnected = True
        self._release()
        self._wake()
        if self._reader is not None:
            with contextlib.suppress(OSError):
                # Reset when it is closed: what the client does not read must not stay in the kernel.
                self._reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._reader.shutdown(socket.SHUT_RDWR)

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing, and has come to its end."""
        return not self.more_body and self.scope["method"] in ("GET", "HEAD")

    def client_ended(self) -> None:
        """The client may still read the answer; an application that waits for its end hears of it."""
        self._ended = True
        self._wake()

    def _release(self) -> None:
        """What the application was given is no longer counted; what it was not is still its own to take."""
        collected, self._collected = self._collected, 0
        self._link.hold(-collected)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        """Wait until something comes of the client, or it is gone."""
        self._link.read_on(wanted=True)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _drained(self) -> list[bytes | memoryview]:
        taken = list(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        return taken

    def _say_continue(self) -> None:
        if self._continue and not self._link.gone:
            self._link.write(CONTINUE)
        self._continue = False

    @property
    def _cut_short(self) -> bool:
        """Whether nothing more of an unfinished body will come."""
        return self.disconnected or self._abandoned or self._link.gone

    async def receive(self) -> Message:
        self._say_continue()
        while self.more_body and not self._chunks and not self._cut_short and not self.complete:
            await self._more()
        if self._chunks and not self._abandoned:
            self._delivered = not self.more_body
            body = b"".join(self._drained())
            self._collected += len(body)
            self._link.hold(len(body))
            return {"type": "http.request", "body": body, "more_body": self.more_body}
        if not self.more_body and not self._delivered and not self._cut_short and not self.complete:
            self._delivered = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not self.more_body and not self._cut_short and not self.complete and not self._ended:
            await self._more()
        self.disconnected |= self._ended
        return {"type": "http.disconnect"}

    async def take(self, sink: lanes.Sink) -> int:
        """See application.Exchange."""
        self._say_continue()
        loop = asyncio.get_running_loop()
        start = self.received - self._buffered
        while True:
            if self._chunks:
                await lanes.ended(loop.run_in_executor(self._link.pool, _feed_all, sink, self._drained()))
            elif not self.more_body:
                self._delivered = True
                return self.received - start
            elif self._cut_short:
                raise Disconnected
            elif self._lane_is_worth_it():
                await self._take_by_lane(sink)
            else:
                await self._more()

    def _lane_is_worth_it(self) -> bool:
        link, connection = self._link, self._link.connection
        large = connection.left if connection.chunked is None else self.received
        return (
            large >= lanes.WORTH
            and self.received >= self._lane_from
            and not link.secure
            and link.lanes.free
            and not connection.waiting
            and (connection.chunked is None or connection.chunked.large)
        )

    async def _take_by_lane(self, sink: lanes.Sink) -> None:
        link, connection = self._link, self._link.connection
        chunked, count, lead = connection.chunked, connection.left, -self.received % lanes.BLOCK
        link.read_on(wanted=False)
        with lanes.borrowed(link.transport) as peer:
            self.in_lane = True
            try:
                if chunked is None:
                    got = await link.lanes.run(lambda: lanes.receive(peer, count, sink, lead))
                else:
                    got = await link.lanes.run(lambda: lanes.receive_chunked(peer, chunked, sink, lead))
            except InvalidChunk as error:
                refused = bad_chunks(error)
                link.refuse(refused.status, refused.reason)
                raise Disconnected from error
            except BaseException:
                # Bytes that the sink refused are gone from the socket: this connection cannot go on.
                connection.abandon_body()
                self._abandoned = True
                raise
            finally:
                self.in_lane = False
        if connection.state is not State.BODY:  # refused meanwhile
            raise Disconnected
        self.received += got.size
        if chunked is None:
            connection.took(got.size)
            self.more_body = bool(connection.left)
        else:
            connection.took_chunks(chunked, got.rest)
            self.more_body = not chunked.done
        link.body_moved()
        if got.closed:
            self.disconnected = True
            link.transport.close()
        elif not got.flows:
            # The loop waits for what comes next, and for some of it to come well, before a lane is tried again.
            self._lane_from = self.received + lanes.WORTH

    # The answer

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message["status"], list(message.get("headers", ()))
            return  # most answers are whole with the next message, and written in one go
        if message["type"] != "http.response.body":
            raise RuntimeError(f"an answer has no {message['type']}")
        await self._send_body(message.get("body", b""), more=message.get("more_body", False))

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        if self.complete:
            raise RuntimeError("the answer is complete already")
        if self.disconnected or self._link.gone:
            self.disconnected = True
            if more:
                raise Disconnected
            self._finish()
            return
        await self._link.drain()
        if self._start is not None:
            begins = self._head(None if more else len(body))
            self._link.write(begins + self._framed(body, more=more))
        else:
            self._link.write(self._framed(body, more=more))
        if not more:
            if self._left:
                raise RuntimeError(f"{self._left} bytes of the answer are missing")
            self._finish()

    def _head(self, size: int | None) -> bytes:
        """The head of the answer; `size` is that of a body that is known already."""
        if self._start is None:
            raise RuntimeError("the answer has not begun")
        (status, headers), self._start = self._start, None
        length = next((int(value) for name, value in headers if name == b"content-length"), None)
        bodiless = status in (204, 304)
        if length is None and size is not None and not bodiless:
            length = size
            headers.append((b"content-length", b"%d" % size))
        self._left = 0 if bodiless or self.scope["method"] == "HEAD" else length
        if self._left is None:
            if self.scope["http_version"] == "1.1":
                headers.append((b"transfer-encoding", b"chunked"))
            else:
                self.keep_alive = False
        if self.more_body and self._rest_is_unwelcome():
            self.keep_alive = False
        if not self.keep_alive:
            headers.append(CLOSE)
        self.started = True
        self._continue = False
        return written(response_of(status, headers, b""))

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        if self.scope["method"] == "HEAD":
            return b""
        if self._left is not None:
            if len(body) > self._left:
                raise RuntimeError(f"the answer has {len(body) - self._left} bytes too many")
            self._left -= len(body)
            return body
        if self.scope["http_version"] != "1.1":
            return body
        framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return framed if more else framed + b"0\r\n\r\n"

    def _rest_is_unwelcome(self) -> bool:
        """An answer begins before the body has ended: whether the connection must close after it.

        A client that was not told to continue may send the body or not, so that nothing can follow.
        """
        connection = self._link.connection
        return self._continue or self._length is None or connection.left > HIGH_REST

    def _finish(self) -> None:
        self.complete = True
        self._chunks.clear()
        self._release()
        self._wake()
        self._link.complete(last=not self.keep_alive)

    async def send_file(self, fd: int, offset: int, count: int) -> None:
        """See application.Exchange."""
        if self.scope["method"] == "HEAD" or count == 0:
            return
        if self._link.secure:
            await self._send_read(fd, offset, count)
            return
        link, end, lane_from = self._link, offset + count, 0
        if self._start is not None:
            link.write(self._head(None))
        if self._left is not None:
            self._left -= count
        await self._flush()
        if self.disconnected or link.gone:
            self.disconnected = True
            raise Disconnected
        with lanes.borrowed(link.transport) as peer:
            self._reader = peer
            try:
                while offset < end and not self.disconnected:
                    before = offset
                    if end - offset > lanes.WORTH and offset >= lane_from and link.lanes.free:
                        offset = await _by_lane(link, peer, fd, offset, end)
                        if offset - before < lanes.WORTH:
                            lane_from = offset + lanes.WORTH
                    else:
                        offset = _send_some(peer, fd, offset, end)
                    if offset < end:
                        await lanes.until_writable(peer)
            except (ConnectionError, TimeoutError) as error:
                self.disconnected = True
                raise Disconnected from error
            finally:
                self._reader = None
        if self.disconnected:
            raise Disconnected

    async def _send_read(self, fd: int, offset: int, count: int) -> None:
        """The same for a connection over TLS, whose bytes are made here."""
        # A descriptor of its own: a caller that is cancelled closes the other one while a thread may still read.
        async with aiofiles.open(os.dup(fd), "rb", buffering=0, executor=self._link.pool) as file:
            await file.seek(offset)
            while count:
                data = await file.read(min(count, READ))
                if not data:
                    raise lanes.TruncatedFile(offset)
                offset, count = offset + len(data), count - len(data)
                await self._send_body(data, more=True)

    async def _flush(self) -> None:
        """Wait until the head has left the transport's own buffer: file bytes go straight to the socket."""
        transport = self._link.transport
        if not transport.get_write_buffer_size():
            return
        low, high = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(0)
        while transport.get_write_buffer_size() and not self.disconnected:
            await self._link.drain()
            await asyncio.sleep(0)
        transport.set_write_buffer_limits(high, low)


async def _by_lane(link: Link, peer: socket.socket, fd: int, offset: int, end: int) -> int:
    return await link.lanes.run(lambda: lanes.send(peer, fd, offset, end))


def _feed_all(sink: lanes.Sink, chunks: list[bytes | memoryview]) -> None:
    for chunk in chunks:
        sink(chunk)


def _send_some(peer: socket.socket, fd: int, offset: int, end: int) -> int:
    try:
        sent = os.sendfile(peer.fileno(), fd, offset, min(end - offset, lanes.WORTH))
    except BlockingIOError:
        return offset
    if sent == 0:
        raise lanes.TruncatedFile(offset)
    return offset + sent
