"""What the transport asks of the application it serves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from starlette.types import Receive, Scope, Send

from registry.transport.lanes import Lanes
from registry.transport.limits import Limits

Headers = list[tuple[bytes, bytes]]
Client = tuple[str, int] | None


class Application(Protocol):
    """An ASGI application with an express lane."""

    limits: Limits
    lanes: Lanes
    pool: ThreadPoolExecutor
    """Threads for whatever blocks: disk and storage."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def express(
        self, method: bytes, url: bytes, headers: Headers, client: Client, request: bytes
    ) -> tuple[bytes, bytes] | None:
        """The whole answer at once, or None to go the long way: its status line, and the rest from the next header on.

        The transport puts the date between the two. Called on the event loop, so it must not block. `request` is the
        request as it came, or empty when it came in pieces.
        """

    def again(self, request: bytes, client: Client) -> tuple[bytes, bytes] | None:
        """The same for a request that `express` has answered before in the same bytes, or None to parse it."""

    def refusal(self, status: int, sentence: str) -> bytes:
        """The error body for a request that never reaches the application."""
