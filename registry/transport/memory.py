"""Gives memory back to the system after clients have held much of it.

The allocator keeps what is freed between pieces that are still used. When the bytes held fall to a quarter of what they
were, and that was worth it, it is asked to look for whole pages among them; that is done in a thread, without the
interpreter's lock, and may find none.
"""

from __future__ import annotations

import ctypes
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

WORTH = 16 << 20
"""Bytes below which it is not asked."""


class Memory:
    """For one worker."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._peak = 0

    def look(self, held: int, peak: int) -> bool:
        """Called now and then with the bytes held now, and at most since the last call; whether any are given back."""
        self._peak = max(self._peak, peak)
        if self._peak < WORTH or held > self._peak // 4:
            return False
        self._peak = held
        self._pool.submit(trim)
        return True


def trim() -> None:
    """Give back what can be given back. Takes some milliseconds, not for the event loop."""
    libc: Any = ctypes.CDLL(None)
    with suppress(AttributeError):  # a C library without it
        libc.malloc_trim(0)
