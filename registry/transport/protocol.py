"""The HTTP/1.1 protocol of the registry: uvicorn's, with bounds, an express lane and bodies that skip the parser.

Four things differ from `HttpToolsProtocol`, whose private names this builds on (so its version is pinned, and
tests/transport is the contract):

1. Bounds. Heads have a greatest size and count, heads and bodies have a deadline and bodies a least rate (see
   `reaper`).
2. Express. A small GET or HEAD that the application can answer at once (`app.fast`), or by a callback (`later`), is
   answered from here, with no task and no ASGI messages.
3. Short. A request that came in one piece, body and all, is given to the application as it is (`app.inline`).
4. Body. All other bodies go past the HTTP parser, and large ones past the event loop (see `cycle`).
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from registry.transport.application import Refusal
from registry.transport.chunked import Chunked, InvalidChunk, TooMuchBetween
from registry.transport.cycle import Cycle
from registry.transport.head import BadHead, Head, HeadEnd, check_head, framing
from registry.transport.later import Later
from registry.transport.reaper import Phase
from registry.transport.scope import scope_of
from registry.transport.whole import METHODS, answer_of, body_size, lines

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from registry.transport.application import Answer, Application, Deferred
    from registry.transport.lanes import Lanes
    from registry.transport.limits import Limits


class RegistryProtocol(HttpToolsProtocol):
    """One connection."""

    app: Application
    cycle: Cycle
    limits: Limits
    lanes: Lanes
    pool: ThreadPoolExecutor

    def __init__(
        self,
        app: Application,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.app = app
        self.limits = limits = app.limits
        self.lanes = self.app.lanes
        self.pool = self.app.pool
        self.phase = Phase.IDLE
        self.since = self.touched = self.moved = self.loop.time()
        """When the phase began, when the client last sent something, when it last took something."""
        self.unsent = (0, 0)
        self.body_left = 0
        """Bytes still to come of a body whose length is known."""
        self.chunked: Chunked | None = None
        """Decodes the body that is coming in, if it is in chunks and the parser does not see it."""
        self._running: Cycle | None = None
        """What is being answered. `cycle` is the newest request, which may be waiting in `pipeline`."""
        self._request = b""
        """The head that is being parsed, if it came in one piece."""
        self._head_end = HeadEnd()
        self._at_head_end = False
        """Whether what is being parsed ends with a head, so that what follows it is ours to read."""
        self._after_head = b""
        """What came along with that head."""
        self._taken = 0
        """Bytes of it that were the body, and have been answered."""
        self._unframed = 0
        """Bytes parsed since something came of it: of a head, or of a trailer or chunk header."""
        self._most_unframed = limits.request_line + limits.header_size + 4 * limits.header_count + 1024
        self._in_head = False
        self._head = UNKNOWN
        """The newest head, for a refusal."""
        self._hosts = 0
        self._express_done = False
        self._draining = False
        self.deaf = False
        """Whether what the client sends is thrown away."""
        self._last_words = b""
        self._dated: object = None
        self._date = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > 2 * self.limits.connections:
            transport.abort()
        elif len(self.connections) > self.limits.connections:
            self.refuse(503, "too many connections, try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in (self._running, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.cut()  # type: ignore[attr-defined]
        super().connection_lost(exc)

    @property
    def answered(self) -> bool:
        """Whether nothing is being answered: there was no request yet, or its answer is complete."""
        cycle: Cycle | None = self.cycle
        return cycle is None or cycle.response_complete

    # Receiving

    def data_received(self, data: bytes) -> None:
        self.touched = self.loop.time()
        rest = self._read(data)
        while rest:
            rest = self._read(rest)

    def _read(self, data: bytes | memoryview) -> bytes | memoryview:
        """What is left of `data` begins something new."""
        if left := self.body_left:
            # Bytes of a body whose length is known: no parser. What follows the body is the next request.
            self._feed(data[:left])
            return data[left:]
        if self.deaf:
            return b""
        if self.chunked is not None:
            return self._read_chunked(self.chunked, data)
        rest: bytes | memoryview = b""
        if self.phase is Phase.IDLE or self.phase is Phase.HEAD:
            data, rest, self._at_head_end, whole = self._head_end.cut(bytes(data))
            self._after_head = rest
            self._request = data if whole and self.phase is Phase.IDLE else b""
            if self._request and self._answers_at_once():
                answer = self.app.cached(data, self.client)
                if answer is not None:
                    self.since = self.touched
                    self._give(answer, data)
                    return rest
        answered = self._parse(data)
        self._at_head_end = False
        if taken := self._taken:
            self._taken = 0
            self._body_complete()
            return rest[taken:]
        return answered or rest

    def _read_chunked(self, decoder: Chunked, data: bytes | memoryview) -> bytes | memoryview:
        buffer = memoryview(bytearray(data))
        try:
            body, used = decoder.decode(buffer, 0, len(buffer))
        except InvalidChunk as error:
            self.refuse_chunks(error)
            return b""
        if body and not self.cycle.response_complete:
            self.cycle.feed(buffer[:body])
        self._chunks_taken(decoder)
        return data[used:]

    def refuse_chunks(self, error: InvalidChunk) -> None:
        status = 431 if isinstance(error, TooMuchBetween) else 400
        self.refuse(status, f"the request's body is not in chunks as it should be: {error}")

    def _chunks_taken(self, decoder: Chunked) -> None:
        if decoder.done:
            self.chunked = None
            self._body_complete()

    def _parse(self, data: bytes | memoryview) -> bytes | memoryview:
        self._unframed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Nothing is upgraded here: what follows is the request's body, or the next request.
            return memoryview(data)[upgrade.args[0] :]
        except httptools.HttpParserCallbackError:
            self.logger.exception("a request failed with an internal error")
            self.refuse(500, "the request could not be handled")
        except httptools.HttpParserError:
            self.refuse(400, "the request is not HTTP/1.1")
        if self._unframed > self._most_unframed:
            self.refuse(431, "the request's head is too large")
        return b""

    def _feed(self, data: bytes | memoryview) -> None:
        self.body_left -= len(data)
        if not self.cycle.response_complete:
            self.cycle.feed(data)
        if not self.body_left:
            self._body_complete()

    def _body_complete(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.on_message_complete()

    def took(self, count: int) -> None:
        """A lane received `count` bytes of the body."""
        self.touched = self.loop.time()
        if self.deaf:  # refused meanwhile
            return
        self.body_left -= count
        if not self.body_left:
            self._body_complete()

    def took_chunks(self, decoder: Chunked, rest: bytes) -> None:
        """A lane received some of the body, and `rest` of what follows it."""
        self.touched = self.loop.time()
        if not self.deaf:
            self._chunks_taken(decoder)
            if rest:
                self.data_received(rest)

    def abandon_body(self) -> None:
        """The rest of the body cannot be read any more: the connection closes after the answer."""
        self.body_left = 0
        self.chunked = None
        self.phase = Phase.ANSWER
        self.cycle.keep_alive = False
        self.deaf = True

    # Parser callbacks

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self._hosts = 0
        self._express_done = False
        self._in_head = True
        self._head = UNKNOWN
        if self.phase is Phase.IDLE:
            self.phase, self.since = Phase.HEAD, self.touched

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self.limits.request_line:
            self.refuse(414, "the request line is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self.deaf:
            return
        version = self.parser.get_http_version()
        method = self.parser.get_method()
        head = self._head = Head(method, version, self.url, self.headers)
        try:
            check_head(version, self.headers, self._unframed, self._hosts, self.limits)
        except BadHead as error:
            self.refuse(error.status, error.reason)
            return
        self._unframed = 0
        keep_alive = version == "1.1" and self.parser.should_keep_alive()
        if keep_alive and self._answers_at_once():
            answer = self._at_once(head)
            if answer is not None:
                self._express_done = not callable(answer)
                self._give(answer, head)
                return
        self._start_cycle(head, keep_alive=keep_alive, idle=self.answered)

    def _at_once(self, head: Head) -> Answer | Deferred | None:
        """What the application says to it without a task, if anything."""
        if head.method in EXPRESS_METHODS:
            return self.app.fast(head, self.client, self._request)
        if not self._at_head_end or head.method not in METHODS:
            return None
        size = body_size(head.headers)
        if size is None or size > len(self._after_head):
            return None
        try:
            answer = self.app.inline(scope_of(self, head), self._after_head[:size])  # type: ignore[arg-type]
        except BadHead:
            return None  # the long way says it
        if answer is not None:
            self._taken = size
        return answer

    def _answers_at_once(self) -> bool:
        return self.answered and not self._draining and not self.flow.write_paused

    def _give(self, answer: Answer | Deferred, request: bytes | Head) -> None:
        """The answer of the express lane, now or later."""
        if callable(answer):
            later = Later(self, request)
            self.cycle = self._running = later  # type: ignore[assignment]
            self.phase = Phase.ANSWER
            answer(later.told)
        else:
            self.answer(answer)

    def go_the_long_way(self, later: Later, head: Head) -> None:
        """What was to be answered later becomes a task. A request after it may be half read already."""
        self.scope = scope_of(self, head)
        cycle = self._cycle(length=0, keep_alive=later.keep_alive, expects=False)
        cycle.more_body = False
        cycle.message_event.set()
        if self.cycle is later:  # type: ignore[comparison-overlap]
            self.cycle = cycle
        self._begin(cycle, self.app)

    def answer(self, answer: Answer) -> None:
        """Write an express answer."""
        self.transport.write(b"".join((answer[0], self.date(), answer[1])))

    def date(self) -> bytes:
        """The headers that every answer has, as they are written: they change once a second."""
        headers = self.server_state.default_headers
        if headers is not self._dated:
            self._dated, self._date = headers, lines(headers)
        return self._date

    def _start_cycle(self, head: Head, *, keep_alive: bool, idle: bool) -> None:
        try:
            scope = scope_of(self, head)
            length, expects = framing(head.headers, upgrades=self.parser.should_upgrade())
        except BadHead as error:
            self.refuse(error.status, error.reason)
            return
        self.scope = scope
        keep_alive = keep_alive and not self._draining
        cycle = self._cycle(length=length, keep_alive=keep_alive, expects=expects and head.version == "1.1")
        self.headers = []  # whatever comes of a trailer is none of the application's
        self.body_left = length or 0
        self.chunked = Chunked() if length is None and self._at_head_end else None
        self.cycle = cycle
        if idle:
            self._begin(cycle, self.app)
        else:
            # A pipelined request waits for its turn.
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))  # type: ignore[arg-type]

    def _cycle(self, *, length: int | None, keep_alive: bool, expects: bool) -> Cycle:
        return Cycle(self, length=length, keep_alive=keep_alive, expect_continue=expects)

    def _begin(self, cycle: Cycle, app: Application) -> None:
        self._running = cycle
        self.phase = Phase.BODY if cycle.more_body else Phase.ANSWER
        self.since = self.touched = self.loop.time()
        self._start_asgi_task(cycle, lambda *_: app.serve(cycle))  # type: ignore[arg-type]

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        if self.deaf:
            return
        if self.body_left:
            self.body_left -= len(body)
        if not self.cycle.response_complete:
            self.cycle.feed(body)

    def on_message_complete(self) -> None:
        self._unframed = 0
        if self.deaf or self.body_left:  # the parser gives the body of an upgrade up to us
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

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        cycle, self._running = self._running, None
        if cycle is not None and cycle.lingers:
            self._linger()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._begin(*self.pipeline.pop())  # type: ignore[arg-type]
        elif self._last_words:
            self._end(self._last_words)
        elif self.cycle.more_body:
            self.since = self.loop.time()  # its rest is read and thrown away
        else:
            self._answered()

    def _answered(self) -> None:
        self.phase = Phase.HEAD if self._in_head else Phase.IDLE
        self.since = self.loop.time()

    def shutdown(self) -> None:
        self._draining = True
        super().shutdown()

    def refuse(self, status: int, sentence: str) -> None:
        """Answer from the transport itself, after the requests that came before, and close.

        The request never reaches the application; or, when it is its body that is wrong, finds its client gone.
        """
        if self.deaf:
            return
        self.deaf = True
        self.body_left = 0
        answer = self._refusal(status, sentence)
        running = self._running
        if self.answered:
            self._end(b"" if self.phase is Phase.BODY else answer)
        elif not self.cycle.more_body:
            self._last_words = answer
        elif self.cycle is not running:
            self.pipeline.popleft()
            self._last_words = answer
        else:
            self._end(b"" if running.response_started else answer)
            running.cut()
            self.flow.resume_writing()

    def _refusal(self, status: int, sentence: str) -> bytes:
        head = self._head
        refusal = Refusal(status, sentence, self.client, head.method, head.url, head.headers)
        added, body = self.app.refused(refusal)
        status_line, rest = answer_of(status, [*added, (b"content-length", b"%d" % len(body)), CLOSE], body)
        return b"".join((status_line, self.date(), rest))

    def _end(self, last_words: bytes) -> None:
        if last_words:
            self.transport.write(last_words)
        self._linger()

    def _linger(self) -> None:
        """Close, but not yet: closed with bytes unread, a connection is reset, and the answer lost with it."""
        self.deaf = True
        self.body_left = 0
        self.phase, self.since = Phase.CLOSING, self.loop.time()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def cut(self) -> None:
        """The client has stopped reading: there is nothing to wait for."""
        self.transport.abort()
        if self._running is not None:
            self._running.cut()


def serving(app: Application) -> type[asyncio.Protocol]:
    """For uvicorn's `http=` option, which calls what it is given for each connection."""
    return cast("type[asyncio.Protocol]", functools.partial(RegistryProtocol, app))


EXPRESS_METHODS = frozenset((b"GET", b"HEAD"))

CLOSE = (b"connection", b"close")

UNKNOWN = Head(b"", "", b"", [])
"""Of a request whose head is too bad to say."""
