"""What a container has changed in its file system, without the places of the files that every container is given."""

from __future__ import annotations

from runtime.engine.machine import Machine
from runtime.snapshots.snapshots import Change

_OURS = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")


def changes(machine: Machine, id: str) -> list[Change]:
    """Its changes by path. Raises NoSuchContainer, SnapshotError."""
    machine.store.record(id)
    found = machine.snapshots.changes(id)
    kept = [change for change in found if change.path not in _OURS]
    # A folder that changed only because a place was made in it has not changed.
    above = {place.rpartition("/")[0] for place in _OURS}
    return [
        change
        for change in kept
        if change.kind != "C"
        or change.path not in above
        or any(other.path.startswith(f"{change.path}/") for other in kept)
    ]
