"""Disconnecting a container beside what else there is to do at its end: the kernel takes its time over a device."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

from runtime.engine import networking
from runtime.engine.machine import Machine


@contextlib.contextmanager
def leaving(machine: Machine, id: str) -> Iterator[Callable[[], None]]:
    """Have it disconnected when the block has ended; the block is given what waits until it is, and raises why not."""
    if not os.path.exists(machine.paths.of(id).namespace):
        yield lambda: None
        return
    trouble: list[Exception] = []

    def disconnect() -> None:
        try:
            networking.disconnect(machine, id)
        except Exception as error:
            trouble.append(error)

    def left() -> None:
        beside.join()
        if trouble:
            raise trouble[0]

    beside = threading.Thread(target=disconnect)
    beside.start()
    try:
        yield left
    finally:
        beside.join()
    left()
