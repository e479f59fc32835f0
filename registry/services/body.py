"""A request's body as the use-cases see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Body(Protocol):
    """Bytes that arrive. `length` is what the client announced, None when it streams."""

    @property
    def length(self) -> int | None: ...

    async def read(self, limit: int) -> bytes:
        """All of it; PayloadTooLarge past `limit` bytes."""

    async def take(self, sink: Callable[[Any], object]) -> int:
        """Hand every byte to `sink`, called in a thread; how many. Disconnected when the client went away.

        `sink` may use the memory of a piece until it is called again. Called with nothing, it is to be done with all.
        """


class Disconnected(Exception):
    """The client went away before the end of the body; what had arrived was handed over."""
