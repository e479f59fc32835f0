"""The reaper: closes connections whose client takes too long. What is too long depends on what is waited for."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from registry.transport import lanes

if TYPE_CHECKING:
    from registry.transport.protocol import RegistryProtocol

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks."""

LINGER = 2.0
"""Seconds a refused client has to read the answer before its connection is closed."""


class Phase(enum.Enum):
    """What a connection waits for; each has a bound of its own."""

    IDLE = "the next request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    ANSWER = "the client to read, or the application"
    CLOSING = "the client to read the last answer and close"


class Reaper:
    """Looks at every connection once a second, which is cheaper than a timer for each request."""

    def __init__(self, connections: Iterable[Any], loop: asyncio.AbstractEventLoop, every: float = EVERY) -> None:
        self._connections = connections
        self._loop = loop
        self._every = every
        self._handle = loop.call_later(every, self._look)

    def _look(self) -> None:
        self._handle = self._loop.call_later(self._every, self._look)
        now = self._loop.time()
        for connection in list(self._connections):
            try:
                reap(connection, now)
            except Exception:
                log.exception("a connection cannot be closed")

    def stop(self) -> None:
        """Look no more; whoever is still connected has had the time to drain."""
        self._handle.cancel()
        for connection in list(self._connections):
            connection.cut()


def reap(connection: RegistryProtocol, now: float) -> None:
    """Close when what the connection waits for has taken too long."""
    limits = connection.limits
    waited = now - connection.since
    if _unread(connection, now) > limits.body_timeout:
        connection.cut()
    elif connection.transport.is_closing():
        return
    elif connection.phase is Phase.IDLE:
        if waited > limits.keep_alive:
            connection.transport.close()
    elif connection.phase is Phase.HEAD:
        if waited > limits.header_timeout:
            connection.refuse(408, "the request's head took too long")
    elif connection.phase is Phase.BODY:
        _reap_body(connection, now, waited)
    elif connection.phase is Phase.CLOSING and waited > LINGER:
        connection.transport.close()


def _reap_body(connection: RegistryProtocol, now: float, waited: float) -> None:
    limits = connection.limits
    cycle = connection.cycle
    if cycle.response_complete:  # only the rest that nobody wants is still to come
        if waited > limits.body_timeout:
            connection.transport.close()
        return
    # While reading is paused it is the application that is waited for; a lane reads by itself.
    idle = not connection.flow.read_paused and now - connection.touched > limits.body_timeout
    slow = waited > limits.body_timeout and cycle.received < limits.body_rate * waited
    if idle or (slow and (cycle.in_lane or not connection.flow.read_paused)):
        connection.refuse(408, "the request's body came too slowly")


def _unread(connection: RegistryProtocol, now: float) -> float:
    """Seconds for which the client has read nothing although something waits for it."""
    if connection.phase is Phase.IDLE and not connection.transport.get_write_buffer_size():
        connection.moved = now
        return 0.0
    unsent = lanes.unsent(connection.transport)
    if unsent != connection.unsent or unsent == (0, 0):
        connection.unsent, connection.moved = unsent, now
    return now - connection.moved
