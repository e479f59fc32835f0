"""Taking away what was set up for one run of a container."""

from __future__ import annotations

from runtime.engine import abandoned, folders, ipc, networking, rootfs, users, volumes
from runtime.engine.machine import Machine


def clear(machine: Machine, id: str) -> None:
    """Take away what was set up for a run; the caller holds the lock and nothing runs."""
    abandoned.end(machine, id)
    networking.disconnect(machine, id)
    release(machine, id)
    folders.remove(machine.paths.of(id).run)


def release(machine: Machine, id: str) -> None:
    """The part of it that is neither networks nor the folder that says that something is set up."""
    of = machine.paths.of(id)
    volumes.release(machine, id)
    ipc.disconnect(of)
    users.disconnect(of)
    rootfs.unmount(machine, of)
