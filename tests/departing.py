"""A client that closes its connection when a test says so, whatever its request is waiting for then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.types import Message

from registry.app import App
from registry.metadata.session import Session
from tests.application import AsgiExchange, Registry


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def writes_wait(registry: Registry) -> AsyncIterator[None]:
    """All that the worker writes to its database waits for the end of this."""
    begun, end = threading.Event(), threading.Event()

    def work(session: Session) -> None:
        begun.set()
        end.wait(20)

    task = asyncio.create_task(registry.app.database.write(work, durable=False))
    try:
        await until(begun.is_set)
        yield
    finally:
        end.set()
        await task


class Departing:
    """Sends one request over ASGI, as the transport does; `depart` is the end of its connection."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._left = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.status = 0

    def send(self, method: str, target: str, body: bytes = b"", length: int | None = None) -> None:
        """Begin the request. Of a body of `length` bytes, `body` is all that is ever sent."""
        size = len(body) if length is None else length
        parts = urlsplit(target)
        scope: dict[str, object] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(b"host", b"registry.test"), (b"content-length", str(size).encode())],
            "client": ("127.0.0.1", 4001),
            "server": ("127.0.0.1", 80),
            "extensions": {"entrepot.client": {"gone": self._left.is_set}},
        }
        waiting = [body] if body or not size else []

        async def receive() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": len(body) < size}
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def answer(message: Message) -> None:
            self.status = message.get("status", self.status)

        self._task = asyncio.create_task(self._run(scope, receive, answer))

    async def _run(
        self,
        scope: dict[str, object],
        receive: Callable[[], Awaitable[Message]],
        answer: Callable[..., Awaitable[None]],
    ) -> None:
        await self._app.serve(AsgiExchange(scope, receive, answer))

    def depart(self) -> None:
        self._left.set()

    async def ended(self) -> None:
        """Wait until the server is done with the request."""
        assert self._task is not None
        async with asyncio.timeout(20):
            await self._task
