"""The glue between asyncio and a connection: what it reads goes to `connection`, what comes of it to the application.

There are three ways to an answer, tried in turn:

1. The application knows the request by its bytes (`cached`), or can answer a small GET or HEAD at once (`fast`).
2. The request is here with all of its body (`inline`).
3. A task serves the exchange, for which bodies may go past the event loop (see `exchange`).
"""

from __future__ import annotations

import asyncio
import logging

from starlette.types import Scope
from uvicorn.server import ServerState

from registry.transport.application import Client, Deferred, Refusal, Response
from registry.transport.connection import Connection, Data, Request, State, Step
from registry.transport.deferral import Deferral
from registry.transport.endpoint import Endpoint
from registry.transport.exchange import CLOSE, HttpExchange
from registry.transport.head import UNKNOWN, BadRequest, Framing, Head
from registry.transport.response import response_of, written
from registry.transport.scope import address_of, scope_of
from registry.transport.shared import Shared

log = logging.getLogger(__name__)

MOST_WAITING = 64 * 1024
"""Bytes behind a request that is being answered, above which reading stops."""

MOST_AT_ONCE = 16
"""Requests that wait which are answered before other connections have their turn."""

FAST_METHODS = frozenset((b"GET", b"HEAD"))
INLINE_METHODS = frozenset((b"POST", b"PATCH", b"PUT"))

_BODIES = frozenset((State.BODY, State.REST))
_BETWEEN = frozenset((State.IDLE, State.HEAD))
_OVER = frozenset((State.CLOSING, State.CLOSED))


class HttpProtocol(Endpoint):
    """One connection. Satisfies exchange.Link, reaper.Watched and bounds.Bounded."""

    def __init__(self, shared: Shared, server_state: ServerState) -> None:
        super().__init__(shared)
        app = self.app = shared.app
        self.lanes = app.lanes
        self.pool = app.pool
        self.connection = Connection(app.limits, shared.heads)
        self.since = self.touched = self.moved = self.loop.time()
        self.unsent = (0, 0)
        self._reaper = shared.reaper(self.loop)
        self._draining = False
        self._ended = False
        """Whether the client has sent all that it will, and may still read answers."""
        self._unusual = False
        """Whether nothing is answered by its bytes alone: over a bound, or draining."""
        self._server_state = server_state
        self._client: Client = None
        self._server: Client = None
        self._exchange: HttpExchange | None = None
        """What is being answered by a task."""
        self._deferral: Deferral | None = None
        """What is to be answered by a callback."""
        self._enough = False
        """Whether the application has more of a body than it wants to hold."""

    # What asyncio and uvicorn say

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport, self.write = transport, transport.write
        self._client = address_of(transport.get_extra_info("peername"))
        self._server = address_of(transport.get_extra_info("sockname"))
        self._shared.connections.add(self)
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        if self._reaper.asleep:
            self._reaper.wake()
        self._address = self._bounds.enter(self, self._client)
        self._unusual = self.over
        if self.over and self._bounds.reserve_is_full:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.connection.state is State.CLOSED:
            return
        self._shared.connections.discard(self)
        self._server_state.connections.discard(self)
        self._bounds.leave(self, self._address)
        self.write = self.transport.write
        self.connection.step(Step.GONE)
        self._let_go()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if not self.secure and self._shared.tls is not None:
            self._shake_hands(data, self._shared.tls)
            return
        self.touched = self.loop.time()
        if self._reaper.asleep:
            self._reaper.wake()
        connection = self.connection
        unusual = self._unusual or connection.waiting or self._bounds.ending
        if connection.state is State.IDLE and self._flow.writable and not unusual:
            answer = self._known(data)
            if answer is not None:
                self.since = self.touched
                if callable(answer):
                    connection.step(Step.REQUEST)
                    self._defer(answer, data)
                else:
                    self.write(written(answer))
                return
        connection.receive(data)
        self._advance()

    def eof_received(self) -> bool:
        """The client sends no more; whether the connection stays open, for answers that it may still read.

        Only for GETs and HEADs: it may as well be gone, and then a request that changes something must not do so. A
        connection over TLS has no half that can be closed.
        """
        state = self.connection.state
        answering = self._deferral if self._exchange is None else self._exchange
        self._ended = not (self.secure or self._handshaking) and (
            state is State.ANSWER and answering is not None and answering.only_reads
            if state not in _BETWEEN
            else self.connection.waiting > 0
        )
        if self._ended:
            if self._exchange is not None:
                self._exchange.client_ended()
            self.loop.call_soon(self._advance)
        return self._ended

    def resume_writing(self) -> None:
        self._none_unread()
        if self.connection.waiting:
            self.loop.call_soon(self._advance)

    def shutdown(self) -> None:
        """Let what is under way end, and close."""
        self._draining = self._unusual = True
        if self._exchange is not None:
            self._exchange.keep_alive = False
        elif self._deferral is not None:
            self._deferral.keep_alive = False
        else:
            self.transport.close()

    # Requests

    def _known(self, data: bytes) -> Response | Deferred | None:
        """The answer to `data` if it is one whole request that has been answered before."""
        if data.find(b"\r\n\r\n") != len(data) - 4:
            return None
        try:
            return self.app.cached(data, self._client)
        except Exception:
            log.exception("a request failed with an internal error")
            return None

    def _advance(self) -> None:
        """Go on with what has come, until there is no more of it or it must wait."""
        connection = self.connection
        turns = 0 if connection.state not in _BODIES and self._bounds.crowded(self._address) else MOST_AT_ONCE
        try:
            while turns and connection.waiting and (self._flow.writable or connection.state in _BODIES):
                event = connection.next_event()
                if event is None:
                    break
                if isinstance(event, Request):
                    self._request(event)
                    turns -= 1
                else:
                    self._data(event)
                    turns = 0 if connection.chunked is not None else turns
        except BadRequest as error:
            self.refuse(error.status, error.reason)
        if (waiting := connection.waiting) and not turns:
            self.loop.call_soon(self._advance)
        if waiting or not self._flow.reading:
            self._set_reading(waiting > (MOST_WAITING if turns else 0))
        if self._ended and connection.state in _BETWEEN and (not waiting or (turns and self._flow.writable)):
            self.transport.close()  # what waits, if anything, is the beginning of a request

    def _request(self, request: Request) -> None:
        self.since = self.touched
        framing = request.framing
        if self._ended and (framing.length != 0 or request.head.method not in FAST_METHODS):
            self.transport.close()
            return
        if self.over:
            if request.head.url not in self.limits.reserved:
                self.refuse(503, "too many connections, try again later")
                return
            framing = framing._replace(keep_alive=False)
        if framing.keep_alive and not self._draining:
            try:
                answer = self._at_once(request)
            except Exception:
                log.exception("a request failed with an internal error")
                self.refuse(500, "the request could not be handled")
                return
            if callable(answer):
                self._defer(answer, request.head)
                return
            if answer is not None:
                self.write(written(answer))
                self.connection.step(Step.ANSWERED)
                return
        self._serve(request.head, framing)

    def _at_once(self, request: Request) -> Response | Deferred | None:
        """What the application says to it without a task, if anything."""
        head, framing, raw = request
        if head.method in FAST_METHODS:
            return self.app.fast(head, self._client, raw) if framing.length == 0 else None
        if head.method not in INLINE_METHODS or framing.expects:
            return None
        body = self.connection.body_here()
        if body is None:
            return None
        answer = self.app.inline(self._scope(head), body)
        if answer is not None and body:
            self.connection.pass_body()
        return answer

    def _scope(self, head: Head) -> Scope:
        scheme = "https" if self.secure else "http"
        return scope_of(head, self._client, self._server, scheme, self.transport.is_closing)

    def _data(self, data: Data) -> None:
        if self._exchange is not None:
            self._exchange.feed(data.data, last=data.last)
        if self.connection.state is State.IDLE:  # that was the rest of a body which was not wanted
            self.since = self.touched

    def _defer(self, answer: Deferred, request: bytes | Head) -> None:
        self._deferral = Deferral(self, request)
        answer(self._deferral.told)

    def deferred(self, answer: Response | None, request: bytes | Head, *, keep_alive: bool) -> None:
        """The answer that was to come later; or None, and a task finds it."""
        self._deferral = None
        if answer is None:
            head = request if isinstance(request, Head) else self._shared.heads.parse(request)[0]
            self._serve(head, Framing(0, expects=False, keep_alive=keep_alive))
            return
        self.write(written(answer))
        self.connection.step(Step.ANSWERED)
        self._go_on(last=not keep_alive)

    def _serve(self, head: Head, framing: Framing) -> None:
        if self._draining:
            framing = framing._replace(keep_alive=False)
        self._enough = False
        self._exchange = exchange = HttpExchange(self, self._scope(head), framing)
        task = self.loop.create_task(self._run(exchange))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    async def _run(self, exchange: HttpExchange) -> None:
        try:
            await self._uncrowded()
            await self.app.serve(exchange)
        except asyncio.CancelledError:
            self.cut()
            raise
        except Exception:
            if not self.gone:
                log.exception("a request failed with an internal error")
        if self._exchange is not exchange:
            return
        # The answer is not complete: for a client that is gone, which the transport may not know yet, or by a defect.
        if exchange.disconnected:
            self.cut()
        else:
            self.refuse(500, "the request could not be handled")

    # What an exchange asks

    @property
    def gone(self) -> bool:
        return self.connection.state in _OVER or self.transport.is_closing()

    def read_on(self, *, wanted: bool) -> None:
        self._enough = not wanted
        self._set_reading(self.connection.waiting > MOST_WAITING)

    def _set_reading(self, too_much: bool) -> None:
        self._flow.read(self.transport, not too_much and not (self._enough and self._exchange is not None))

    async def drain(self) -> None:
        while not (self._flow.writable or self.gone):
            await self._flow.drained()

    def body_moved(self) -> None:
        self.touched = self.loop.time()
        if self.connection.waiting:
            self.loop.call_soon(self._advance)

    def complete(self, *, last: bool) -> None:
        if self.connection.state in _OVER:
            return
        self._exchange = None
        self.connection.step(Step.ANSWERED)
        self._go_on(last=last)

    def _go_on(self, *, last: bool) -> None:
        """An answer is complete."""
        if self.transport.is_closing():
            return
        self.since = self.loop.time()
        if not last:
            self._set_reading(self.connection.waiting > MOST_WAITING)
            if self.connection.waiting or self._ended:
                self.loop.call_soon(self._advance)
        elif self.connection.state is State.REST:
            self._linger()
        else:
            self.transport.close()

    # The end

    @property
    def received(self) -> int | None:
        """See reaper.Watched."""
        exchange = self._exchange
        return None if exchange is None or (self._enough and not exchange.in_lane) else exchange.received

    @property
    def idle_seconds(self) -> float:
        """See reaper.Watched."""
        new = self.over or (not self.secure and self._shared.tls is not None)
        return self.limits.header_timeout if new else self.limits.keep_alive

    @property
    def idle(self) -> bool:
        """See bounds.Bounded."""
        return self.connection.state in _BETWEEN and not self._unread and not self.gone

    def shed(self) -> None:
        """See bounds.Bounded."""
        if self._unread or self.gone or self.connection.state is not State.BODY:
            self.loop.call_soon(self.cut)
        else:
            self.loop.call_soon(self.refuse, 503, "too many bytes are held for requests, try again later")

    def refuse(self, status: int, sentence: str) -> None:
        """Response from here, and close; an application that serves the request already finds its client gone."""
        connection, exchange = self.connection, self._exchange
        if self.gone:
            return
        head = connection.head if connection.state is not State.IDLE else UNKNOWN
        refusal = Refusal(status, sentence, self._client, head.method, head.url, head.headers)
        headers, body = self.app.refused(refusal)
        if connection.state is not State.REST and (exchange is None or not exchange.started):
            headers = [*headers, (b"content-length", b"%d" % len(body)), CLOSE]
            self.write(written(response_of(status, headers, b"" if head.method == b"HEAD" else body)))
        self._linger()
        self._let_go()

    def _let_go(self) -> None:
        exchange, self._exchange, self._deferral = self._exchange, None, None
        if exchange is not None:
            exchange.cut()

    def _linger(self) -> None:
        """Close, but not yet: closed with bytes unread, a connection is reset, and the answer lost with it."""
        self.connection.step(Step.LAST)
        self.since = self.loop.time()
        self.resume_writing()
        self._set_reading(False)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def cut(self) -> None:
        """The client has stopped reading: there is nothing to wait for."""
        self.transport.abort()
        if self._exchange is not None:
            self._exchange.cut()
