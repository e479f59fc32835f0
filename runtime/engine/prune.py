"""Removing containers that do not run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from runtime.engine import looking
from runtime.engine.errors import NoSuchContainer, WrongState
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.remove import remove
from runtime.engine.store import is_alive
from runtime.snapshots.errors import NotFound


def prune(machine: Machine, wanted: Callable[[Record], bool] = lambda _: True) -> tuple[list[str], int]:
    """Remove every container that does not live and is wanted gone; their ids, and the bytes that came free."""
    gone, freed = [], 0
    for record, _ in machine.store.all():
        with contextlib.suppress(NoSuchContainer, WrongState):
            if is_alive(looking.looked_at(machine, record.id)) or not wanted(record):
                continue
            size = 0
            with contextlib.suppress(NotFound):
                size = machine.snapshots.usage(record.id)
            remove(machine, record.id)
            gone.append(record.id)
            freed += size
    return gone, freed
