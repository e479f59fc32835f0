"""What containers share by `--ipc`: a namespace, and a /dev/shm that stands where others can have it too."""

from __future__ import annotations

import contextlib
import os
from typing import Final, NamedTuple

from runtime.bundle.grammar import mode
from runtime.engine import users
from runtime.engine.errors import WrongState
from runtime.engine.machine import Machine
from runtime.engine.networking import process_namespace
from runtime.engine.paths import Of
from runtime.engine.record import Record
from runtime.syscall import mounts
from runtime.syscall.users import Ids

_SHM: Final = "/dev/shm"  # noqa: S108 - the host's own
_FLAGS: Final = mounts.MS_NOSUID | mounts.MS_NOEXEC | mounts.MS_NODEV
_MOST: Final = 8
"""Containers that one may join through another."""


class Shared(NamedTuple):
    """`namespace` is the path of one to join; `shm` a folder to stand at /dev/shm. Empty: a new one of its own."""

    namespace: str = ""
    shm: str = ""


def connect(machine: Machine, record: Record, of: Of, ids: Ids | None = None) -> Shared:
    """Find what it joins, or make what others may join. Raises WrongState, NoSuchContainer, OSError."""
    asked = record.host_config.ipc_mode
    if other := mode.joined(asked):
        return Shared(process_namespace(machine, other, "ipc"), _shm_of(machine, other))
    if asked == "shareable":
        os.makedirs(of.shm, mode=0o700, exist_ok=True)
        mounts.mount("shm", of.shm, "tmpfs", _FLAGS, f"mode=1777,size={record.host_config.shm_size}")
        users.give(ids, of.shm)
        return Shared(shm=of.shm)
    return Shared()


def disconnect(of: Of) -> None:
    """Take its /dev/shm away; those who have joined keep it. Nothing happens if there is none."""
    with contextlib.suppress(OSError):
        mounts.umount2(of.shm, mounts.MNT_DETACH | mounts.UMOUNT_NOFOLLOW)


def _shm_of(machine: Machine, id: str) -> str:
    """Where the /dev/shm of a container is on this host, its own or that of whom it has joined."""
    donor = id
    for _ in range(_MOST):
        asked = machine.store.record(donor).host_config.ipc_mode
        if asked == "host":
            return _SHM
        if not (other := mode.joined(asked)):
            break
        donor = other
    path = machine.paths.of(donor).shm
    if not os.path.ismount(path):
        raise WrongState(
            f"can't join IPC of container {id[:12]}: non-shareable IPC "
            "(hint: use --ipc shareable for the donor container)"
        )
    return path
