"""Whether a connection is read from, and can be written to."""

from __future__ import annotations

import asyncio


class Flow:
    """`writable`: the client takes what is written, or little of it waits. `reading`: what it sends is read."""

    def __init__(self) -> None:
        self.writable = True
        self.reading = True
        self._drained: asyncio.Future[None] | None = None

    def read(self, transport: asyncio.Transport, wanted: bool) -> None:
        """Read on, or stop."""
        if wanted != self.reading and not transport.is_closing():
            self.reading = wanted
            if wanted:
                transport.resume_reading()
            else:
                transport.pause_reading()

    def resume_writing(self) -> None:
        self.writable = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def drained(self) -> None:
        """Wait until the client takes something."""
        self._drained = asyncio.get_running_loop().create_future()
        try:
            await self._drained
        finally:
            self._drained = None
