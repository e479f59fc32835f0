"""What is done once after a boot: what died with the machine is mended, and what should run is started."""

from __future__ import annotations

from collections.abc import Callable

from runtime.engine import lifecycle, reconcile
from runtime.engine.errors import EngineError
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.start import start
from runtime.engine.state import State
from runtime.network.errors import NetworkError


def boot(machine: Machine, failed: Callable[[Record, Exception], None]) -> list[Record]:
    """Start every container whose policy wants it to run; those that were started."""
    reconcile.all(machine)
    started = []
    for record, now in reversed(machine.store.all()):
        if not wants(record, now):
            continue
        try:
            if connection := start(machine, record.id):
                connection.close()
                started.append(record)
        except (EngineError, NetworkError, OSError) as error:
            failed(record, error)
    return started


def wants(record: Record, now: State) -> bool:
    """Whether a container that does not run should: always, or unless it was stopped."""
    if now.status != lifecycle.EXITED:
        return False
    policy = record.host_config.restart_policy.name
    if policy == "on-failure":
        return not now.stopped and now.exit_code == reconcile.LOST and bool(now.error)
    return policy == "always" or (policy == "unless-stopped" and not now.stopped)
