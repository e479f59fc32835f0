"""One request and its answer on a connection: uvicorn's cycle, with bodies that can skip the event loop."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from registry.transport import lanes
from registry.transport.application import Disconnected
from registry.transport.chunked import InvalidChunk
from registry.transport.whole import answer_of

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent

    from registry.transport.protocol import RegistryProtocol

HIGH_WATER = 1 << 20
"""Body bytes held for the application before reading pauses."""

HIGH_REST = 4 << 20
"""An unread rest of a body up to this size is read and thrown away, so that the connection can be used again."""

READ = 1 << 20
"""Bytes of a file read at a time for TLS."""

Buffer = bytes | bytearray | memoryview


class Cycle(RequestResponseCycle):
    """See the module; `connection` is the protocol that this request came in on."""

    def __init__(
        self, connection: RegistryProtocol, *, length: int | None, keep_alive: bool, expect_continue: bool
    ) -> None:
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
        self.length = length
        self.chunks: collections.deque[Buffer] = collections.deque()
        self.buffered = 0
        self.received = 0
        self.sent = 0
        self.reader: socket.socket | None = None
        self.in_lane = False
        self.lingers = False
        """Whether the connection closes after this answer, although the client may still be sending."""
        self.body_delivered = False
        self._start: HTTPResponseStartEvent | None = None
        self.lane_from = 0
        """Body bytes that must have come before a lane is worth it."""

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
        while self.more_body and not self.chunks and not self._is_cut_short and not self.response_complete:
            self.flow.resume_reading()
            self.message_event.clear()
            await self.message_event.wait()
        if self.chunks:
            body = b"".join(self._drain())
            self.body_delivered = not self.more_body
            return {"type": "http.request", "body": body, "more_body": self.more_body}
        if not self.more_body and not self.body_delivered and not self.disconnected and not self.response_complete:
            self.body_delivered = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not self.more_body and not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            self.message_event.clear()
            await self.message_event.wait()
        return {"type": "http.disconnect"}

    async def take(self, sink: Callable[[Buffer], object]) -> int:
        """See Exchange."""
        self._say_continue()
        loop = asyncio.get_running_loop()
        pool = self.connection.pool
        start = self.received - self.buffered
        while True:
            if self.chunks:
                await lanes.ended(loop.run_in_executor(pool, _feed_all, sink, self._drain()))
            elif not self.more_body:
                self.body_delivered = True
                return self.received - start
            elif self._is_cut_short:
                raise Disconnected
            elif self._lane_is_worth_it():
                await self._take_by_lane(sink)
            else:
                self.flow.resume_reading()
                self.message_event.clear()
                await self.message_event.wait()

    @property
    def _is_cut_short(self) -> bool:
        """Whether nothing more of an unfinished body will come."""
        return self.disconnected or self.connection.deaf or self.transport.is_closing()

    def _lane_is_worth_it(self) -> bool:
        connection = self.connection
        large = connection.body_left if connection.chunked is None else self.received
        return (
            large >= lanes.WORTH
            and self.received >= self.lane_from
            and connection.scheme == "http"
            and connection.lanes.free
        )

    async def _take_by_lane(self, sink: Callable[[Buffer], object]) -> None:
        connection, chunked = self.connection, self.connection.chunked
        count, lead = connection.body_left, -self.received % lanes.BLOCK
        self.flow.pause_reading()
        with lanes.borrowed(self.transport) as peer:
            self.in_lane = True
            try:
                if chunked is None:
                    got = await connection.lanes.run(lambda: lanes.receive(peer, count, sink, lead))
                else:
                    got = await connection.lanes.run(lambda: lanes.receive_chunked(peer, chunked, sink, lead))
            except InvalidChunk as error:
                connection.refuse_chunks(error)
                raise Disconnected from error
            except BaseException:
                # Bytes that the sink refused are gone from the socket: this connection cannot go on.
                connection.abandon_body()
                raise
            finally:
                self.in_lane = False
        self.received += got.size
        if chunked is None:
            connection.took(got.size)
        else:
            connection.took_chunks(chunked, got.rest)
        if got.closed:
            self.disconnected = True
            self.transport.close()
        elif not got.flows:
            # The loop waits for what comes next, and for some of it to come well, before a lane is tried again.
            self.lane_from = self.received + lanes.WORTH

    async def send(self, message: ASGISendEvent) -> None:
        if self.transport.is_closing():
            self.disconnected = True
        if message["type"] == "http.response.start":
            if self.more_body and self._rest_is_unwelcome():
                self.keep_alive = False
            self._start = message  # most answers are whole with the next message, and written in one go
            return
        if message["type"] != "http.response.body":
            raise RuntimeError(f"an answer has no {message['type']}")
        more = message.get("more_body", False)
        if self.disconnected and more:
            raise Disconnected
        self.sent += len(message.get("body", b""))
        if self._start is not None:
            start, self._start = self._start, None
            if self._send_whole(start, message):
                return
            await super().send(start)
        if self._is_to_linger and not more:
            self.keep_alive = self.lingers = True
        await super().send(message)

    @property
    def _is_to_linger(self) -> bool:
        """Whether the connection closes after this answer, but not with bytes unread: it reads on for a while."""
        return self.more_body and not self.keep_alive

    def _send_whole(self, start: HTTPResponseStartEvent, body: HTTPResponseBodyEvent) -> bool:
        """Write a whole answer; False, and nothing is done, when it is not one whose length is known and right."""
        headers = list(start.get("headers", ()))
        payload = b"" if self.scope["method"] == "HEAD" else body.get("body", b"")
        length = next((value for name, value in headers if name == b"content-length"), None)
        right = int(length) == len(payload) if length is not None else start["status"] in (204, 304)
        plain = right or (length is not None and self.scope["method"] == "HEAD")
        if body.get("more_body", False) or not plain or self.flow.write_paused or self.disconnected:
            return False
        if not self.keep_alive:
            headers.append((b"connection", b"close"))
        self.connection.answer(answer_of(start["status"], headers, payload))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if self._is_to_linger:
            self.lingers = True
        elif not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True

    def _rest_is_unwelcome(self) -> bool:
        """An answer begins before the body has ended: whether the connection must close after it.

        A client that was not told to continue may send the body or not, so that nothing can follow.
        """
        return self.waiting_for_100_continue or self.length is None or self.connection.body_left > HIGH_REST

    async def send_file(self, fd: int, offset: int, count: int) -> None:
        """See Exchange."""
        if self.scope["method"] == "HEAD" or count == 0:
            return
        if self.connection.scheme == "https":
            await self._send_read(fd, offset, count)
            return
        end, lane_from = offset + count, 0
        if self._start is not None:
            start, self._start = self._start, None
            await super().send(start)
        await self._flush()
        if self.disconnected or self.transport.is_closing():
            raise Disconnected
        with lanes.borrowed(self.transport) as peer:
            self.reader = peer
            try:
                while offset < end and not self.disconnected:
                    before = offset
                    if end - offset > lanes.WORTH and offset >= lane_from and self.connection.lanes.free:
                        offset = await self._lane_send(peer, fd, offset, end)
                        if offset - before < lanes.WORTH:
                            lane_from = offset + lanes.WORTH
                    else:
                        offset = _send_some(peer, fd, offset, end)
                    self.sent += offset - before
                    if offset < end:
                        await lanes.until_writable(peer)
            except (ConnectionError, TimeoutError) as error:
                self.disconnected = True
                raise Disconnected from error
            finally:
                self.reader = None
        if self.disconnected:
            raise Disconnected
        self.expected_content_length -= count

    async def _send_read(self, fd: int, offset: int, count: int) -> None:
        """The same for a connection over TLS, whose bytes are made here."""
        loop = asyncio.get_running_loop()
        while count:
            data = await lanes.ended(loop.run_in_executor(self.connection.pool, os.pread, fd, min(count, READ), offset))
            if not data:
                raise lanes.TruncatedFile(offset)
            offset, count = offset + len(data), count - len(data)
            await self.send({"type": "http.response.body", "body": data, "more_body": True})

    def cut(self) -> None:
        """The client is gone, or as good as gone: wakes whoever waits for it."""
        self.disconnected = True
        self.message_event.set()
        if self.reader is not None:
            with contextlib.suppress(OSError):
                # Reset when it is closed: what the client does not read must not stay in the kernel.
                self.reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.reader.shutdown(socket.SHUT_RDWR)

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
        sent = os.sendfile(peer.fileno(), fd, offset, min(end - offset, lanes.WORTH))
    except BlockingIOError:
        return offset
    if sent == 0:
        raise lanes.TruncatedFile(offset)
    return offset + sent
