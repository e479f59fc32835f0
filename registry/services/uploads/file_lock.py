"""Ownership by the lock of the partial file or buffer, where the storage is this machine's.

Opening one locks it (PartialFiles), so there is nothing to take before and nothing to renew; the kernel gives the lock
back when its holder dies.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from registry.services.uploads.partial import PartialFiles
from registry.services.uploads.session import UploadSession

LOOK_SECONDS = 0.05
"""Between two looks whether a lock is free."""

SHORT_SECONDS, LOOKS = 0.01, 25
"""The same while a buffer is written down, which takes a moment; how often."""


class FileLock:
    """An Ownership. `shared`: there are other workers."""

    def __init__(self, partials: PartialFiles, pool: ThreadPoolExecutor, *, shared: bool) -> None:
        self._partials = partials
        self._pool = pool
        self._shared = shared

    async def take(self, session: UploadSession) -> None:
        """Opening its file does. A worker that is just writing down what is in memory is waited for."""
        if self._shared:
            for _ in range(LOOKS):
                if not self._partials.is_buffer_taken(session):
                    break
                await asyncio.sleep(SHORT_SECONDS)

    async def give_back(self, session: UploadSession) -> None:
        """Closing its file does."""

    async def renew(self) -> None:
        """A lock does not lapse."""

    async def settled(self, session: UploadSession) -> None:
        loop = asyncio.get_running_loop()
        while self._shared and session.in_rows and not session.busy:
            if not await loop.run_in_executor(self._pool, self._partials.is_taken, session):
                return
            await asyncio.sleep(LOOK_SECONDS)
