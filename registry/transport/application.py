"""What the transport asks of the application it serves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from starlette.types import Receive, Scope, Send

from registry.transport.lanes import Lanes
from registry.transport.limits import Limits

Headers = list[tuple[bytes, bytes]]
Client = tuple[str, int] | None

Answer = tuple[bytes, bytes]
"""A whole answer: its status line, and the rest from the next header on. The transport puts the date between them."""

Deferred = Callable[[Callable[[Answer | None], None]], None]
"""An answer that comes later: begins to find it, and has the function it is given called once, later, on the event
loop, with the answer, or with None to go the long way. What the client sends meanwhile waits."""


class Application(Protocol):
    """An ASGI application with an express lane."""

    limits: Limits
    lanes: Lanes
    pool: ThreadPoolExecutor
    """Threads for whatever blocks: disk and storage."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def express(
        self, method: bytes, url: bytes, headers: Headers, client: Client, request: bytes
    ) -> Answer | Deferred | None:
        """The answer, at once or later, or None to go the long way.

        Called on the event loop, so it must not block. `request` is the request as it came, or empty when it came in
        pieces.
        """

    def again(self, request: bytes, client: Client) -> Answer | Deferred | None:
        """The same for a request that `express` has answered before in the same bytes, or None to parse it."""

    def short(self, scope: Scope, body: bytes) -> Answer | Deferred | None:
        """The answer to a request that came in one piece, body and all; or None to have it come as ASGI's messages."""

    def refusal(self, status: int, sentence: str) -> bytes:
        """The error body for a request that never reaches the application."""
