"""Memory that large manifests and lists took, given back to the system (what clients hold: see transport.memory).

What it does: the C library keeps what is freed in the middle of its heaps, of which there is one for nearly each
thread. A second after a large request it is asked to give back the free pages of all of them (malloc_trim). What it may
never do: hold up the event loop, so it is done in a thread, without the interpreter's lock; or recur by itself, so that
an idle worker does nothing. What it gains: a worker that took 16 manifests of 4 MiB stays at 120 MiB and not at 170; of
what is left over the 65 of its start, most is the cache of SQLite's pages, 16 MiB for each connection.
"""

from __future__ import annotations

import asyncio

from registry.transport.memory import trim

LARGE_BYTES = 256 * 1024
"""Of a body; smaller ones leave no gaps worth the work."""

SETTLE_SECONDS = 1.0
"""From the first large request to the giving back, which so is done once for many."""


class FreedMemory:
    """Of one worker. Used on its event loop."""

    def __init__(self) -> None:
        self._waits = False

    def release_soon(self, size: int) -> None:
        """Give back what is free a moment after a body of this size, in bytes, if it is large."""
        if size < LARGE_BYTES or self._waits:
            return
        self._waits = True
        asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._release)

    def _release(self) -> None:
        self._waits = False
        asyncio.get_running_loop().run_in_executor(None, trim)
