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
        self._coming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.status = 0

    def send(self, method: str, target: str, body: bytes = b"", length: int | None = None) -> None:
        """Begin the request. Of a body of `length` bytes, `body` is all that is sent, unless `go_on` sends more."""
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
        missing = size
        if body or not size:
            self.go_on(body)

        async def receive() -> Message:
            nonlocal missing
            part = await self._coming.get()
            if part is None:
                return {"type": "http.disconnect"}
            missing -= len(part)
            return {"type": "http.request", "body": part, "more_body": missing > 0}

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

    @property
    def is_read(self) -> bool:
        """Whether the server has taken what was sent."""
        return self._coming.empty()

    def go_on(self, part: bytes) -> None:
        """Send more of the body."""
        self._coming.put_nowait(part)

    def depart(self) -> None:
        self._left.set()
        self._coming.put_nowait(None)

    async def ended(self) -> None:
        """Wait until the server is done with the request."""
        assert self._task is not None
        async with asyncio.timeout(20):
            await self._task
