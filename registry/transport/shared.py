"""What all connections of a worker share."""

from __future__ import annotations

import asyncio
import ssl

from registry.transport.application import Application
from registry.transport.bounds import Bounds
from registry.transport.head import Heads
from registry.transport.memory import Memory
from registry.transport.reaper import EVERY, Reaper, Watched


class Shared:
    """Made before the loop runs. `tls`: connections begin with a handshake."""

    def __init__(self, app: Application, tls: ssl.SSLContext | None = None, look_every: float = EVERY) -> None:
        self.app = app
        self.tls = tls
        self.heads = Heads(app.limits)
        self.bounds = Bounds(app.limits)
        self.connections: set[Watched] = set()
        self._look_every = look_every
        self._memory = Memory(app.pool)
        self._reaper: Reaper | None = None

    def reaper(self, loop: asyncio.AbstractEventLoop) -> Reaper:
        if self._reaper is None:
            self._reaper = Reaper(self.connections, loop, self._look_every, self._give_back)
        return self._reaper

    def _give_back(self) -> None:
        self._memory.look(self.bounds.held, self.bounds.peak)
        self.bounds.peak = self.bounds.held

    def stop(self) -> None:
        """A client that is still connected has had the time to drain."""
        if self._reaper is not None:
            self._reaper.stop()
