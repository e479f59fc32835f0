"""The server's end of a connection: its transport, plain or over TLS, and what waits there for the client to read."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from registry.transport.flow import Flow
from registry.transport.shared import Shared
from registry.transport.tls import handshake

PIECE = 64 * 1024
"""Bytes of an answer that are written at once over TLS."""


class Endpoint(asyncio.Protocol):
    """With what bounds.Bounded has of it."""

    transport: asyncio.Transport
    write: Callable[[bytes], None]

    def __init__(self, shared: Shared) -> None:
        self.limits = shared.app.limits
        self.loop = asyncio.get_running_loop()
        self.secure = False
        self.over = self.ending = False
        self.held = 0
        self._unread = 0
        """Bytes of answers, among those held."""
        self._shared = shared
        self._bounds = shared.bounds
        self._address = ""
        self._flow = Flow()
        self._handshaking: asyncio.Task[None] | None = None
        self._early = b""  # came with the end of the handshake

    def hold(self, more: int) -> None:
        """So many bytes more, or fewer, are held for the client."""
        self._bounds.hold(self, self._address, more)  # type: ignore[arg-type]

    def pause_writing(self) -> None:
        self._flow.writable = False
        self._count_unread()

    def _count_unread(self) -> None:
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        self.hold(self._unread - before)

    def _none_unread(self) -> None:
        unread, self._unread = self._unread, 0
        self.hold(-unread)
        self._flow.resume_writing()

    def _write_pieces(self, data: bytes) -> None:
        """Over TLS, where a transport does not count what it was given in one piece."""
        for begin in range(0, len(data), PIECE):
            self.transport.write(memoryview(data)[begin : begin + PIECE])
        if not self._flow.writable:
            self._count_unread()

    async def _uncrowded(self) -> None:
        """Wait until an answer may begin, see bounds."""
        while self._bounds.crowded(self._address) and not self.transport.is_closing():  # noqa: ASYNC110 (a turn or two)
            await asyncio.sleep(0)

    def _shake_hands(self, data: bytes, context: ssl.SSLContext) -> None:
        if self._handshaking is None:
            self._handshaking = self.loop.create_task(self._handshake(data, context))
        else:  # it is over, but the task does not know yet: what else comes waits in the socket
            self._early += data
            self.transport.pause_reading()

    async def _handshake(self, hello: bytes, context: ssl.SSLContext) -> None:
        plain = self.transport
        over_tls = await handshake(self, plain, hello, context, self.limits.header_timeout)
        if over_tls is None:
            plain.abort()
            self.connection_lost(None)
            return
        self.transport, self.secure, self._handshaking = over_tls, True, None
        self.write = self._write_pieces
        if self._early:
            plain.resume_reading()
            self.data_received(self._early)
            self._early = b""
