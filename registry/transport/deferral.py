"""A deferred response: its place in the order of the connection's answers, held until a callback brings it.

What the client sends meanwhile waits, and one that is gone gets nothing. It may never hold more than one request of a
connection, nor keep the event loop waiting. Without it each read of an index on a server, and each inline request,
would have an exchange of messages of its own ("manifest by tag" under "PostgreSQL" and "small image push" in
docs/benchmarks.md).
"""

from __future__ import annotations

from typing import Protocol

from registry.transport.application import Response
from registry.transport.head import Head


class Owner(Protocol):
    """The connection."""

    @property
    def gone(self) -> bool: ...

    def deferred(self, answer: Response | None, request: bytes | Head, *, keep_alive: bool) -> None:
        """Write the answer; or, when there is none, have the request served."""


class Deferral:
    """What the client sends next waits for it."""

    def __init__(self, owner: Owner, request: bytes | Head) -> None:
        """`request` in its bytes, if nothing has parsed it yet."""
        self.keep_alive = True
        self._owner = owner
        self._request = request

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing. What needs no parsing is a GET or HEAD."""
        return isinstance(self._request, bytes) or self._request.method in (b"GET", b"HEAD")

    def told(self, answer: Response | None) -> None:
        """Called once, with the answer or None."""
        if not self._owner.gone:
            self._owner.deferred(answer, self._request, keep_alive=self.keep_alive)
