"""What the transport asks of the application it serves, and what it hands over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from starlette.types import Message, Scope

from registry.transport.head import Head, Headers
from registry.transport.lanes import Lanes, Sink
from registry.transport.limits import Limits

Client = tuple[str, int] | None

Response = tuple[bytes, bytes]
"""A whole answer: its status line, and the rest from the next header on. The transport puts the date between them."""

Deferred = Callable[[Callable[[Response | None], None]], None]
"""A deferred response: begins to find it, and has the function it is given called once, later, on the event
loop, with the answer, or with None to go the long way. What the client sends meanwhile waits."""

Payload = tuple[Headers, bytes]
"""Of a refusal: the headers that the application adds, the body's type among them, and the body."""


class Disconnected(Exception):
    """The client closed, or was closed for being too slow, before the whole body or answer had passed."""


class Refusal(NamedTuple):
    """A request that the transport refuses by itself: what is known of it, and why it is refused."""

    status: int
    sentence: str
    client: Client
    method: bytes = b""
    """Empty, as is what follows, where the head is too bad to say."""
    target: bytes = b""
    headers: Headers = []  # noqa: RUF012 (never changed)


class Exchange(Protocol):
    """One request and its answer: ASGI's scope and messages, and bodies that need not pass through the event loop."""

    @property
    def scope(self) -> Scope: ...

    async def receive(self) -> Message: ...

    async def send(self, message: Message) -> None: ...

    async def take(self, sink: Sink) -> int:
        """Hand every body byte to `sink`, called in a thread; how many there were.

        `sink` may use a buffer until it is called again, and is called with none when that has to end. Raises
        Disconnected when the client goes away before the end, and what `sink` raises.
        """

    async def send_file(self, fd: int, offset: int, count: int) -> None:
        """Send file bytes as (a part of) the body that `http.response.start` has announced.

        The closing empty `http.response.body` is still the application's to send. Raises Disconnected, and OSError when
        the file is short.
        """


class Application(Protocol):
    """What a connection asks; all of it is called on the event loop, so nothing but `serve` may wait."""

    limits: Limits
    lanes: Lanes
    pool: ThreadPoolExecutor
    """Threads for whatever blocks: disk and storage."""

    async def serve(self, exchange: Exchange) -> None:
        """Response any request, in a task of its own."""

    def fast(self, head: Head, client: Client, request: bytes) -> Response | Deferred | None:
        """The answer to a GET or HEAD without a body, at once or deferred; or None, and `serve` is called.

        `request` is the request as it came, or empty when it came in pieces.
        """

    def cached(self, request: bytes, client: Client) -> Response | Deferred | None:
        """The same for a request that `fast` has answered before in the same bytes, or None to parse it."""

    def inline(self, scope: Scope, body: bytes) -> Response | Deferred | None:
        """The answer to a request that came in one piece, body and all; or None, and `serve` is called."""

    def refused(self, refusal: Refusal) -> Payload:
        """What a refusal says; called once for every request that the transport refuses. Headers come in lower case."""
