"""Locks between processes: flock on files that stay, so that a lock ends with the process that held it."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PAUSE: Final = 0.05


@contextmanager
def held(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock, the file and its folder made when missing; `waiting` is called at every turn while another has it.

    It is asked for again and again, and not waited for in the kernel: `waiting` can end that with an exception.
    """
    descriptor = opened(path)
    try:
        while not taken(descriptor):
            if waiting is not None:
                waiting()
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def opened(path: Path) -> int:
    """A descriptor of the lock's file, not inherited by programs that are started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def taken(descriptor: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
