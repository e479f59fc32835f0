"""Disconnecting a container beside what else there is to do at its end: the kernel takes its time over a device."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from runtime.engine import networking
from runtime.engine.machine import Machine


@contextlib.contextmanager
def leaving(machine: Machine, id: str) -> Iterator[None]:
    """Have it disconnected when the block has ended, and not before it has. Raises what disconnecting raises."""
    if not os.path.exists(machine.paths.of(id).namespace):
        yield
        return
    trouble: list[Exception] = []

    def disconnect() -> None:
        try:
            networking.disconnect(machine, id)
        except Exception as error:
            trouble.append(error)

    beside = threading.Thread(target=disconnect)
    beside.start()
    try:
        yield
    finally:
        beside.join()
    if trouble:
        raise trouble[0]
