"""Bringing what is written down in line with what is: after a monitor, a command or the whole machine died.

See `looking` for what every command does that looks at a container; `all` mends everything.
"""

from __future__ import annotations

import contextlib
import os

from runtime.engine import abandoned, clearing, clock, events, finish, lifecycle, locks, looking, planning, removal
from runtime.engine.errors import EngineError, NoSuchContainer
from runtime.engine.machine import Machine
from runtime.engine.state import State
from runtime.engine.store import is_alive

LOST = 137
"""The exit code of a container whose monitor died: what is left of it is killed."""


def mend(machine: Machine, id: str) -> None:
    """Mend one container whose lock the caller holds. Raises NoSuchContainer."""
    now = machine.store.state(id)
    if not is_alive(now) or looking.is_watched(machine, id):
        return
    now = machine.store.state(id)  # the monitor's last word came before it let go of its lock
    if not is_alive(now):
        return
    record = machine.store.record(id)
    abandoned.end(machine, id)
    now.move("lost")
    now.pid, now.exit_code, now.finished_at = 0, LOST, clock.now()
    now.error = "its monitor died, or the machine was restarted"
    machine.store.write_state(id, now)
    events.append(machine.paths.events, "die", id, {**planning.attributes(record), "exitCode": str(LOST)})
    clearing.clear(machine, id)


def remains(machine: Machine) -> None:
    """Finish runs that have ended and that nobody finished: their command or their monitor was killed before it could.

    Cheap, and done whenever containers are listed or made: only what is set up now is looked at.
    """
    for id in os.listdir(machine.paths.running):
        of = machine.paths.of(id)
        if locks.is_held(of.monitor):
            continue
        with locks.tried(of.lock) as ours, contextlib.suppress(NoSuchContainer):
            if not ours or locks.is_held(of.monitor):
                continue
            if not os.path.exists(of.config):
                clearing.clear(machine, id)
                continue
            mend(machine, id)
            if os.path.isdir(of.run) and not is_alive(machine.store.state(id)):
                clearing.clear(machine, id)
                record = machine.store.record(id)
                if record.host_config.auto_remove:
                    removal.take_away(machine, record, with_volumes=True)


def all(machine: Machine) -> None:
    """Mend every container, take away the remains of runs that nobody finished, and of networks nobody is on."""
    for id in machine.store.ids():
        if not os.path.exists(machine.paths.of(id).config):
            _sweep(machine, id)
            continue
        with contextlib.suppress(NoSuchContainer):
            now = looking.looked_at(machine, id)
            if now.status in (lifecycle.REMOVING, lifecycle.DEAD) or _remains(machine, id, now):
                finish.finish(machine, id)
    for id in os.listdir(machine.paths.namespaces):
        if not os.path.isdir(machine.paths.of(id).folder):
            clearing.clear(machine, id)
    machine.networks.reconcile(_Connected(machine))


class _Connected:
    """The containers that may be on networks: those that are alive, and those that a command is about to start."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def __contains__(self, id: object) -> bool:
        of = self._machine.paths.of(str(id))
        if locks.is_held(of.lock):
            return True
        try:
            return is_alive(self._machine.store.state(str(id)))
        except EngineError:
            return False


def _sweep(machine: Machine, id: str) -> None:
    """Remove what a command that died left of a container it was making or removing."""
    with locks.held(machine.paths.of(id).lock):
        if os.path.exists(machine.paths.of(id).config):
            return
        clearing.clear(machine, id)
        if id in machine.snapshots.keys():  # noqa: SIM118 - not a mapping
            machine.snapshots.remove(id)
        machine.store.forget(id, "")


def _remains(machine: Machine, id: str, now: State) -> bool:
    return not is_alive(now) and os.path.isdir(machine.paths.of(id).run) and not looking.is_watched(machine, id)
