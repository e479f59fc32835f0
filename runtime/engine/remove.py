"""Removing containers."""

from __future__ import annotations

import contextlib

from runtime.engine import locks, looking, reconcile, removal, stop
from runtime.engine.errors import NoSuchContainer, WrongState
from runtime.engine.machine import Machine
from runtime.engine.store import is_alive


def remove(machine: Machine, id: str, *, force: bool = False, with_volumes: bool = False) -> None:
    """Remove a container, a living one by force only, and with its anonymous volumes if that is said.

    Raises WrongState, NoSuchContainer.
    """
    now = machine.store.state(id)
    if is_alive(now) and looking.is_watched(machine, id):
        if not force:
            raise WrongState(
                f'cannot remove container "/{machine.store.record(id).name}": container is {now.status}: stop the'
                " container before removing or force remove"
            )
        with contextlib.suppress(NoSuchContainer):  # it may be one that goes by itself
            stop.stop(machine, id, signal=9, timeout=-1, event="")
    with locks.held(machine.paths.of(id).lock):
        reconcile.mend(machine, id)
        record = machine.store.record(id)
        if is_alive(machine.store.state(id)):
            raise WrongState(f"container {id[:12]} was started again, try again")
        locks.until_free(machine.paths.of(id).monitor, 10)
        removal.take_away(machine, record, with_volumes=with_volumes or record.host_config.auto_remove)
