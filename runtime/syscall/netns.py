"""Entering a network namespace with one thread: sockets opened and programs started in there stay there."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_HERE = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def within(namespace: int) -> Iterator[None]:
    """Run the block with this thread in the network namespace of an open file; other threads stay where they are.

    Raises OSError: it is no network namespace, or root is needed.
    """
    here = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(namespace)
        try:
            yield
        finally:
            _setns(here)
    finally:
        os.close(here)


def _setns(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")
