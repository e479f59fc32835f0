"""The reaper: closes connections whose client takes too long. What is too long depends on what is waited for.

It looks at all connections once a second, which is cheaper than a timer for each request, and sleeps for longer, or for
good, while there are none or all are idle.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from typing import Protocol

from registry.transport import lanes
from registry.transport.connection import Connection, State
from registry.transport.limits import Limits

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks."""

LINGER = 2.0
"""Seconds a refused client has to read the answer before its connection is closed."""


class Watched(Protocol):
    """A connection as the reaper sees it."""

    connection: Connection
    transport: asyncio.Transport
    limits: Limits
    since: float
    """When what is waited for began to be."""
    touched: float
    """When the client last sent something."""
    moved: float
    """When the client last took something, as far as the reaper has seen."""
    unsent: tuple[int, int]
    """Bytes that waited for it then."""

    @property
    def idle_seconds(self) -> float:
        """For how long it may be idle."""

    @property
    def received(self) -> int | None:
        """Bytes of the body that have come to the application; None while it is the application that is waited for."""

    def refuse(self, status: int, sentence: str) -> None: ...

    def cut(self) -> None: ...


class Reaper:
    """For one worker."""

    def __init__(
        self,
        connections: Iterable[Watched],
        loop: asyncio.AbstractEventLoop,
        every: float = EVERY,
        after: Callable[[], object] | None = None,
    ) -> None:
        """`after` is called after each look."""
        self._connections = connections
        self._loop = loop
        self._every = every
        self._after = after
        self._handle: asyncio.TimerHandle | None = None
        self.asleep = True
        """Whether the next look is far away; `wake` is called when a connection begins to do something."""

    def wake(self) -> None:
        self._look_after(self._every)

    def _look_after(self, seconds: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self.asleep = seconds > self._every
        self._handle = None if math.isinf(seconds) else self._loop.call_later(max(seconds, self._every), self._look)

    def _look(self) -> None:
        now = self._loop.time()
        wait = math.inf
        for connection in list(self._connections):
            try:
                wait = min(wait, reap(connection, now))
            except Exception:
                log.exception("a connection cannot be closed")
                wait = 0.0
        self._look_after(wait)
        if self._after is not None:
            self._after()

    def stop(self) -> None:
        """Look no more; a client that is still connected has had the time to drain."""
        if self._handle is not None:
            self._handle.cancel()
        for connection in list(self._connections):
            connection.cut()


def reap(watched: Watched, now: float) -> float:
    """Close when what is waited for has taken too long; seconds after which to look again, 0 for soon."""
    limits = watched.limits
    state = watched.connection.state
    waited = now - watched.since
    if _unread(watched, now, state) > limits.body_timeout:
        watched.cut()
    elif watched.transport.is_closing():
        return 0.0
    elif state is State.IDLE:
        if waited < watched.idle_seconds:
            return watched.idle_seconds - waited
        watched.transport.close()
    elif state is State.HEAD:
        if waited > limits.header_timeout:
            watched.refuse(408, "the request's head took too long")
    elif state is State.BODY:
        _reap_body(watched, now, waited)
    elif (state is State.REST and waited > limits.body_timeout) or (state is State.CLOSING and waited > LINGER):
        watched.transport.close()
    return 0.0


def _reap_body(watched: Watched, now: float, waited: float) -> None:
    limits = watched.limits
    received = watched.received
    if received is None:
        return
    idle = now - watched.touched > limits.body_timeout
    slow = waited > limits.body_timeout and received < limits.body_rate * waited
    if idle or slow:
        watched.refuse(408, "the request's body came too slowly")


def _unread(watched: Watched, now: float, state: State) -> float:
    """Seconds for which the client has read nothing although something waits for it."""
    if state is State.IDLE and not watched.transport.get_write_buffer_size():
        watched.moved = now
        return 0.0
    unsent = lanes.unsent(watched.transport)
    if unsent != watched.unsent or unsent == (0, 0):
        watched.unsent, watched.moved = unsent, now
    return now - watched.moved
