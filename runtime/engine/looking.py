"""Looking at one container: its state as it is written down, mended first if no monitor keeps it any more."""

from __future__ import annotations

from importlib import import_module

from runtime.engine import locks
from runtime.engine.machine import Machine
from runtime.engine.state import State
from runtime.engine.store import is_alive


def is_watched(machine: Machine, id: str) -> bool:
    """Whether its monitor lives."""
    return locks.is_held(machine.paths.of(id).monitor)


def looked_at(machine: Machine, id: str) -> State:
    """The state of a container, mended if it was wrong. Raises NoSuchContainer."""
    now = machine.store.state(id)
    if is_alive(now) and not is_watched(machine, id):
        # Seldom so, and what mends needs networks and volumes, whose modules `exec` and `logs` should not pay for.
        reconcile = import_module("runtime.engine.reconcile")
        with locks.held(machine.paths.of(id).lock):
            reconcile.mend(machine, id)
        now = machine.store.state(id)
    return now
