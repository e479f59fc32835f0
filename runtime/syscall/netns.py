"""Entering a network namespace with one thread: sockets opened and programs started in there stay there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.syscall.namespaces import CLONE_NEWNET, setns

_HERE = "/proc/thread-self/ns/net"


@contextmanager
def within(namespace: int) -> Iterator[None]:
    """Run the block with this thread in the network namespace of an open file; other threads stay where they are.

    Raises OSError: it is no network namespace, or root is needed.
    """
    here = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(namespace, CLONE_NEWNET)
        try:
            yield
        finally:
            setns(here, CLONE_NEWNET)
    finally:
        os.close(here)
