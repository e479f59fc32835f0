"""One request and its answer on a connection: uvicorn's cycle, with bodies that need not pass through the event loop.

Adds two ASGI extensions, both objects in `scope["extensions"]`:

`entrepot.body`: `await take(sink) -> int` hands every body byte to `sink(buffer)`, called in a thread, and answers how
many there were. It raises `Disconnected` when the client went away before the end.

`entrepot.file`: `await send_file(fd, offset, count)` sends file bytes as (a part of) the body already announced by
`http.response.start`; the closing empty `http.response.body` is still the application's to send.
"""

from __future__ import annotations

import asyncio
import collections
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from registry.transport import lanes

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

    from registry.transport.protocol import RegistryProtocol

HIGH_WATER = 1 << 20
"""Body bytes held for the application before reading pauses."""

LANE_WORTH = 256 * 1024
"""Bytes below which a lane costs more than it saves."""

Buffer = bytes | bytearray | memoryview


class Disconnected(Exception):
    """The client closed, or was closed for being too slow, before the whole body arrived."""


class Cycle(RequestResponseCycle):
    """See the module; `connection` is the protocol that this request came in on."""

    def __init__(self, connection: RegistryProtocol, *, keep_alive: bool, expect_continue: bool) -> None:
        super().__init__(
            scope=connection.scope,
            transport=connection.transport,
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=False,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=expect_continue,
            keep_alive=keep_alive,
            on_response=connection.on_response_complete,
        )
        self.connection = connection
        self.chunks: collections.deque[Buffer] = collections.deque()
        self.buffered = 0
        self.received = 0
        self.sent = 0
        self.reader: socket.socket | None = None

    def feed(self, data: Buffer) -> None:
        """Body bytes from the connection."""
        self.chunks.append(data)
        size = len(data)
        self.buffered += size
        self.received += size
        if self.buffered > HIGH_WATER:
            self.flow.pause_reading()
        self.message_event.set()

    def _drain(self) -> list[Buffer]:
        taken = list(self.chunks)
        self.chunks.clear()
        self.buffered = 0
        return taken

    def _say_continue(self) -> None:
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.waiting_for_100_continue = False

    async def receive(self) -> ASGIReceiveEvent:
        self._say_continue()
        while not self.chunks and self.more_body and not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            self.message_event.clear()
            await self.message_event.wait()
        if self.chunks:
            body = b"".join(self._drain())
            return {"type": "http.request", "body": body, "more_body": self.more_body}
        if not self.disconnected and not self.response_complete and not self.body_delivered:
            self.body_delivered = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            self.message_event.clear()
            await self.message_event.wait()
        return {"type": "http.disconnect"}

    body_delivered = False

    async def take(self, sink: Callable[[Buffer], object]) -> int:
        """The `entrepot.body` extension."""
        self._say_continue()
        loop = asyncio.get_running_loop()
        pool = self.connection.pool
        start = self.received - self.buffered
        while True:
            if self.chunks:
                chunks = self._drain()
                await loop.run_in_executor(pool, _feed_all, sink, chunks)
            elif not self.more_body:
                self.body_delivered = True
                return self.received - start
            elif self.disconnected:
                raise Disconnected
            elif self.connection.body_left >= LANE_WORTH and self.connection.lanes.free and self._plain:
                await self._take_by_lane(sink)
            else:
                self.flow.resume_reading()
                self.message_event.clear()
                await self.message_event.wait()

    @property
    def _plain(self) -> bool:
        return self.connection.scheme == "http"

    async def _take_by_lane(self, sink: Callable[[Buffer], object]) -> None:
        connection = self.connection
        self.flow.pause_reading()
        with lanes.borrowed(self.transport) as peer:
            count = connection.body_left
            try:
                taken, closed, stalled = await connection.lanes.run(lambda: lanes.receive(peer, count, sink))
            except BaseException:
                # Bytes that the sink refused are gone from the socket: this connection cannot go on.
                self.keep_alive = False
                connection.abandon_body()
                raise
        self.received += taken
        connection.took(taken)
        if closed:
            self.disconnected = True
            self.transport.close()
        elif stalled and self.more_body:
            # Let the loop wait for the next bytes, then see whether a lane is worth it again.
            self.flow.resume_reading()
            self.message_event.clear()
            await self.message_event.wait()

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        elif message["type"] == "http.response.start":
            self.connection.answering()
            if self.more_body and self.connection.refuse_rest(self):
                self.keep_alive = False
        await super().send(message)

    async def send_file(self, fd: int, offset: int, count: int) -> None:
        """The `entrepot.file` extension. Disconnected when the client is gone, OSError when the file is short."""
        if self.scope["method"] == "HEAD" or count == 0:
            return
        end = offset + count
        await self._flush()
        with lanes.borrowed(self.transport) as peer:
            try:
                while offset < end and not self.disconnected:
                    before = offset
                    if end - offset > LANE_WORTH and self.connection.lanes.free:
                        offset = await self._lane_send(peer, fd, offset, end)
                    else:
                        offset = _send_some(peer, fd, offset, end)
                    self.sent += offset - before
                    self.connection.progress()
                    if offset < end:
                        self.reader = peer
                        await lanes.until_writable(peer)
                        self.reader = None
            except (BrokenPipeError, ConnectionError) as error:
                self.disconnected = True
                raise Disconnected from error
        if self.disconnected:
            raise Disconnected
        self.expected_content_length -= count

    def cut(self) -> None:
        """End an answer whose reader has stopped reading: wakes `send_file` too, which holds its own descriptor."""
        if self.reader is not None:
            self.reader.shutdown(socket.SHUT_RDWR)
        self.transport.abort()

    async def _lane_send(self, peer: socket.socket, fd: int, offset: int, end: int) -> int:
        return await self.connection.lanes.run(lambda: lanes.send(peer, fd, offset, end))

    async def _flush(self) -> None:
        """Wait until the head has left the transport's own buffer: file bytes go straight to the socket."""
        transport = self.transport
        if not transport.get_write_buffer_size():
            return
        low, high = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(0)
        while transport.get_write_buffer_size() and not self.disconnected:
            if self.flow.write_paused:
                await self.flow.drain()
            else:
                await asyncio.sleep(0)
        transport.set_write_buffer_limits(high, low)


def _feed_all(sink: Callable[[Buffer], object], chunks: list[Buffer]) -> None:
    for chunk in chunks:
        sink(chunk)


def _send_some(peer: socket.socket, fd: int, offset: int, end: int) -> int:
    try:
        sent = os.sendfile(peer.fileno(), fd, offset, min(end - offset, LANE_WORTH))
    except BlockingIOError:
        return offset
    if sent == 0:
        raise lanes.TruncatedFile(offset)
    return offset + sent
