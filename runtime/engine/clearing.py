"""Taking away what was set up for one run of a container."""

from __future__ import annotations

from runtime.engine import folders, ipc, networking, rootfs, users, volumes
from runtime.engine.machine import Machine


def clear(machine: Machine, id: str) -> None:
    """Take away what was set up for a run; the caller holds the lock and nothing runs."""
    of = machine.paths.of(id)
    networking.disconnect(machine, id)
    volumes.release(machine, id)
    ipc.disconnect(of)
    users.disconnect(of)
    rootfs.unmount(machine, of)
    folders.remove(of.run)
