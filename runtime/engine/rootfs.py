"""A container's root file system, mounted while it runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from runtime.engine import users
from runtime.engine.machine import Machine
from runtime.engine.paths import Of
from runtime.syscall.users import Ids


def mount(machine: Machine, of: Of, ids: Ids | None = None) -> None:
    """Mount it where the bundle says; with the maps of a container that is remapped."""
    os.makedirs(of.rootfs, mode=0o755, exist_ok=True)
    with users.owners(of, ids) as owners:
        machine.snapshots.mount(of.id, of.rootfs, owners)


def unmount(machine: Machine, of: Of) -> None:
    """Take it away; nothing happens if it is not mounted."""
    if os.path.isdir(of.rootfs):
        machine.snapshots.unmount(of.rootfs)


def is_mounted(of: Of) -> bool:
    """Whether it is mounted where the bundle says."""
    return os.path.ismount(of.rootfs)


@contextlib.contextmanager
def mounted(machine: Machine, of: Of) -> Iterator[int]:
    """A descriptor of it, mounted for the moment if it is not; the container's lock is held by the caller."""
    before = is_mounted(of)
    if not before:
        mount(machine, of, users.ids_of(machine.store.record(of.id)))
    try:
        root = os.open(of.rootfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield root
        finally:
            os.close(root)
    finally:
        if not before:
            unmount(machine, of)
