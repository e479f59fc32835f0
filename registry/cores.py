"""Which cores the threads of a process run on.

Python lets one thread of a process compute at a time. Threads that hand that right to each other all the time are best
on one core: on several, each handing over wakes another core, and what both need wanders from cache to cache. Threads
that work without it, in the kernel or in a hash, are best wherever there is room.
"""

from __future__ import annotations

import contextlib
import os

from storage import threads

ALL = frozenset(os.sched_getaffinity(0))
"""Those that the process was given at its start."""


def keep_to(core: int) -> None:
    """Have the calling thread, and those that it starts, run on one core, where the system lets it.

    The threads of storage, which work without the interpreter's lock, go anywhere.
    """
    threads.begin_with(anywhere)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {core})


def anywhere() -> None:
    """Have the calling thread run on any core again. What a thread that works by itself begins with."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, ALL)
