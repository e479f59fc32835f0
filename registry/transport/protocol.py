"""The HTTP/1.1 protocol of the registry: uvicorn's, with bounds, an express lane and bodies that skip the parser.

Three things differ from `HttpToolsProtocol`, whose private names this builds on (so its version is pinned, and
tests/transport is the contract):

1. Bounds. Heads have a greatest size and count, heads and bodies have a deadline and bodies a least rate. `Reaper`
   looks at every connection once a second, which is cheaper than a timer for each request.
2. Express. A small GET or HEAD that the application can answer at once (`app.express`) is answered from here, with no
   task and no ASGI messages.
3. Body. A body with a Content-Length goes past the HTTP parser, and a large one past the event loop (see `cycle`).
"""

from __future__ import annotations

import asyncio
import enum
import http
import socket
import urllib.parse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from registry.transport.cycle import Cycle

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from registry.transport.application import Application
    from registry.transport.lanes import Lanes
    from registry.transport.limits import Limits


class Phase(enum.Enum):
    """What a connection waits for; each has a bound of its own."""

    IDLE = "the next request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    ANSWER = "the client to read, or the application"


class RegistryProtocol(HttpToolsProtocol):
    """One connection."""

    app: Application
    cycle: Cycle
    limits: Limits
    lanes: Lanes
    pool: ThreadPoolExecutor

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits = self.app.limits
        self.lanes = self.app.lanes
        self.pool = self.app.pool
        self.phase = Phase.IDLE
        self.since = self.touched = self.loop.time()
        self.body_left = 0
        self.head_size = 0
        self._body_total = 0
        self._express_done = False
        self._draining = False
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self.refuse(503, "too many connections, try again later")
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def answered(self) -> bool:
        """Whether nothing is being answered: there was no request yet, or its answer is complete."""
        cycle: Cycle | None = self.cycle
        return cycle is None or cycle.response_complete

    # Receiving

    def data_received(self, data: bytes) -> None:
        self.touched = self.loop.time()
        if self._refused:
            return
        if self.body_left:
            self._body_received(data)
            return
        if self.phase is Phase.IDLE:
            self.phase, self.since = Phase.HEAD, self.touched
            self.head_size = 0
        if self.phase is Phase.HEAD:
            self.head_size += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            if not self._refused:
                self.refuse(400, "the request is not HTTP/1.1")
            return
        except httptools.HttpParserUpgrade:
            return
        if self.phase is Phase.HEAD and self.head_size > self.limits.request_line + self.limits.header_size:
            self.refuse(431, "the request's head is too large")

    def _body_received(self, data: bytes) -> None:
        """Bytes of a body whose length is known: no parser. What follows the body is the next request."""
        left = self.body_left
        if len(data) <= left:
            self._feed(data)
            return
        self._feed(data[:left])
        self.data_received(data[left:])

    def _feed(self, data: bytes) -> None:
        self.body_left -= len(data)
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.feed(data)
        if not self.body_left:
            self._body_complete()

    def _body_complete(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.phase = Phase.ANSWER
        cycle = self.cycle
        cycle.more_body = False
        cycle.message_event.set()
        if cycle.response_complete:
            self._answered()

    def took(self, count: int) -> None:
        """A lane received `count` bytes of the body."""
        self.touched = self.loop.time()
        self.body_left -= count
        if not self.body_left:
            self._body_complete()

    def abandon_body(self) -> None:
        """The rest of the body cannot be read any more."""
        self.body_left = 0
        self.phase = Phase.ANSWER
        self.cycle.more_body = False
        self._refused = True

    def refuse_rest(self, cycle: Cycle) -> bool:
        """An answer begins before the body has ended: whether the connection must close after it."""
        return self.body_left > HIGH_REST or not self._body_total

    # Parser callbacks

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._express_done = False

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self.limits.request_line:
            self.refuse(414, "the request line is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        if len(self.headers) > self.limits.header_count:
            self.refuse(431, "the request has too many headers")
        elif len(value) > self.limits.header_size:
            self.refuse(431, "a header of the request is too large")

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        method = self.parser.get_method()
        idle = self.answered
        keep_alive = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        if idle and keep_alive and method in EXPRESS_METHODS and not self._draining:
            answer = self.app.express(method, self.url, self.headers, self.client)
            if answer is not None:
                self._express_done = True
                self.transport.write(b"".join((answer[0], self._date(), answer[1])))
                return
        self._start_cycle(method, keep_alive=keep_alive, idle=idle)

    def _date(self) -> bytes:
        headers = self.server_state.default_headers
        return b"date: %b\r\n" % headers[0][1] if headers else b""

    def _start_cycle(self, method: bytes, *, keep_alive: bool, idle: bool) -> None:
        parsed = self._parsed_url()
        if parsed is None:
            return
        raw_path, query = parsed
        path = raw_path.decode("latin-1")
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": self.parser.get_http_version(),
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "root_path": "",
            "method": method.decode("ascii"),
            "path": urllib.parse.unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": self.app_state.copy(),
            "extensions": {},
        }
        length = self._content_length()
        cycle = Cycle(self, keep_alive=keep_alive and not self._draining, expect_continue=self.expect_100_continue)
        self.scope["extensions"] = {"entrepot.body": {"take": cycle.take}}
        if self.scheme == "http":
            self.scope["extensions"]["entrepot.file"] = {"send": cycle.send_file}
        if not idle:
            # A pipelined request waits for its turn.
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))  # type: ignore[arg-type]
            self.cycle = cycle
            return
        self.cycle = cycle
        self._body_total = length or 0
        self.phase, self.since = Phase.BODY, self.touched
        self._start_asgi_task(cycle, self.app)  # type: ignore[arg-type]

    def _parsed_url(self) -> tuple[bytes, bytes] | None:
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserError:
            self.refuse(400, "the request's target is not a path")
            return None
        return url.path or b"/", url.query or b""

    def _content_length(self) -> int | None:
        for name, value in self.headers:
            if name == b"content-length":
                return int(value)
        return None

    def on_body(self, body: bytes) -> None:
        if self._refused or self.cycle.response_complete:
            return
        self.cycle.feed(body)
        if self._body_total and self.cycle.received < self._body_total and not self.pipeline:
            self.body_left = self._body_total - self.cycle.received

    def on_message_complete(self) -> None:
        if self._refused:
            return
        if self._express_done:
            self.phase = Phase.IDLE
            self.since = self.touched
            return
        self.phase = Phase.ANSWER
        self.cycle.more_body = False
        self.cycle.message_event.set()
        if self.cycle.response_complete:
            self._answered()

    # Answering

    def answering(self) -> None:
        self.touched = self.loop.time()

    def progress(self) -> None:
        """The client took bytes of an answer."""
        self.touched = self.loop.time()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self.phase, self.since = Phase.ANSWER, self.loop.time()
            self._start_asgi_task(cycle, app)
        elif not self.body_left:
            self._answered()

    def _answered(self) -> None:
        if self.phase is not Phase.HEAD:
            self.phase = Phase.IDLE
        self.since = self.touched = self.loop.time()

    def shutdown(self) -> None:
        self._draining = True
        super().shutdown()

    def refuse(self, status: int, sentence: str) -> None:
        """Answer from the transport itself and close: the request never reaches the application."""
        self._refused = True
        body = self.app.refusal(status, sentence)
        head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        if self.answered or not self.cycle.response_started:
            self.transport.write(head % (status, http.HTTPStatus(status).phrase.encode(), len(body)) + body)
        if not self.answered:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.flow.resume_writing()
        self.transport.close()

    def reap(self, now: float) -> None:
        """Close when what this connection waits for has taken too long."""
        limits = self.limits
        if self.phase is Phase.IDLE:
            if now - self.touched > limits.keep_alive:
                self.transport.close()
        elif self.phase is Phase.HEAD:
            if now - self.since > limits.header_timeout:
                self.refuse(408, "the request's head took too long")
        elif self.phase is Phase.BODY:
            elapsed = now - self.since
            slow = elapsed > limits.body_timeout and self.cycle.received < limits.body_rate * elapsed
            if not self.flow.read_paused and (now - self.touched > limits.body_timeout or slow):
                self.refuse(408, "the request's body came too slowly")
        elif now - self.touched > limits.body_timeout and (self.flow.write_paused or self.cycle.reader is not None):
            self.cycle.cut()


HIGH_REST = 4 << 20
"""An unread rest of a body up to this size is read and thrown away, so that the connection can be used again."""

EXPRESS_METHODS = frozenset((b"GET", b"HEAD"))


class Reaper:
    """Looks at every connection once a second."""

    def __init__(self, connections: Iterable[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._connections = connections
        self._loop = loop
        self._handle = loop.call_later(1.0, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        for connection in list(self._connections):
            connection.reap(now)
        self._handle = self._loop.call_later(1.0, self._look)

    def stop(self) -> None:
        self._handle.cancel()
