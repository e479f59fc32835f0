"""The connection as an exchange sees it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from registry.transport import lanes
from registry.transport.connection import Connection


class Link(Protocol):
    """What an exchange needs of the connection it belongs to."""

    connection: Connection
    transport: asyncio.Transport
    lanes: lanes.Lanes
    pool: ThreadPoolExecutor
    secure: bool

    def write(self, data: bytes) -> None:
        """Write some of an answer, or all of it."""

    @property
    def gone(self) -> bool:
        """Whether nothing more comes from the client, nor reaches it."""

    def read_on(self, *, wanted: bool) -> None:
        """Whether the application waits for more of the body, or has too much of it already."""

    async def drain(self) -> None:
        """Wait until the client has taken what was written."""

    def hold(self, more: int) -> None:
        """The application holds so many bytes of the body more, or fewer."""

    def body_moved(self) -> None:
        """A lane took some of the body."""

    def refuse(self, status: int, sentence: str) -> None: ...

    def complete(self, *, last: bool) -> None:
        """The answer is complete; `last`: and nothing comes after it on this connection."""
