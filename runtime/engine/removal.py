"""Taking away all of a container that does not run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from runtime.engine import events, folders, ipc, networking, planning, rootfs, users, volumes
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.state import State
from runtime.snapshots.errors import NotFound


def take_away(machine: Machine, record: Record, *, with_volumes: bool, left: Callable[[], None] | None = None) -> None:
    """Take away all of a container that does not run; the caller holds its lock.

    `left` waits until it is on no network any more, where another process sees to that.
    """
    id, of = record.id, machine.paths.of(record.id)
    now = machine.store.state(id)
    now.move("remove")
    machine.store.write_state(id, now)
    try:
        ipc.disconnect(of)
        users.disconnect(of)
        rootfs.unmount(machine, of)
        with contextlib.suppress(NotFound):
            machine.snapshots.remove(id)
        if with_volumes:
            volumes.drop(machine, record)
        if left is not None:
            left()
        else:
            networking.disconnect(machine, id)
    except BaseException as error:
        _failed(machine, id, now, error)
        raise
    folders.remove(of.run)
    machine.store.forget(id, record.name)
    events.append(machine.paths.events, "destroy", id, planning.attributes(record))


def _failed(machine: Machine, id: str, now: State, error: BaseException) -> None:
    now.move("fail")
    now.error = str(error)
    machine.store.write_state(id, now)
