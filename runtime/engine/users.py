"""The user namespace of a container that is remapped: root in it is an id of /etc/subuid outside, and nobody's equal.

It is made before everything else of a run and stands at a path, because the container's network must belong to it,
its files are mounted by its ids, and others may join it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from importlib import import_module
from typing import Final

from runtime.bundle.given import IdMap
from runtime.bundle.grammar import mode
from runtime.engine.errors import EngineError, WrongState
from runtime.engine.machine import Machine
from runtime.engine.paths import Of
from runtime.engine.record import Record
from runtime.snapshots.owners import Owners
from runtime.syscall import mounts, namespaces
from runtime.syscall.users import Ids, Ranges, acting_as, stand_in, write_maps

_FILES: Final = ("/etc/subuid", "/etc/subgid")
_REMAP: Final = "remap"
_ENTER: Final = 0o001


def ids_of(record: Record) -> Ids | None:
    """The maps of a container, as they are now in /etc/subuid and /etc/subgid; None for one that is not remapped.

    Raises Conflict when its user has no ids there.
    """
    asked = record.host_config.userns_mode
    if not asked.startswith(_REMAP):
        return None
    subids = import_module("runtime.bundle.subids")  # which few containers need
    name = asked.partition(":")[2] or subids.DEFAULT_USER
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        uid = None
    return Ids(*(_ranges(subids.read(_read(path, subids.LARGEST), name, uid=uid)) for path in _FILES))


def id_maps(ranges: Ranges) -> tuple[IdMap, ...]:
    """The same as the spec's maker takes it."""
    return tuple(IdMap(container=inside, host=outside, size=count) for inside, outside, count in ranges)


def connect(machine: Machine, record: Record, of: Of) -> Ids | None:
    """Make its namespace, or have that of a container whose network, processes or ipc it joins.

    Raises Conflict, WrongState, EngineError, OSError.
    """
    ids = ids_of(record)
    if ids is None:
        return None
    asked = record.host_config
    joined = [mode.joined(each) for each in (asked.network_mode, asked.pid_mode, asked.ipc_mode) if mode.joined(each)]
    for other in joined:
        if ids_of(machine.store.record(other)) != ids:
            raise EngineError(f"cannot join the namespaces of container {other[:12]}: its users are others")
    _open_way(of, ids.root[1])
    with open(of.users, "x", encoding="ascii"):
        pass
    if joined:
        path = machine.paths.of(joined[0]).users
        if not os.path.exists(path):
            raise WrongState(f"cannot join the namespaces of container {joined[0][:12]}: it is not running")
        mounts.mount(path, of.users, None, mounts.MS_BIND)
        return ids
    with stand_in(namespaces.CLONE_NEWUSER) as pid:
        write_maps(pid, ids)
        mounts.mount(f"/proc/{pid}/ns/user", of.users, None, mounts.MS_BIND)
    return ids


def disconnect(of: Of) -> None:
    """Take it away; nothing happens if there is none."""
    if os.path.lexists(of.users):
        with contextlib.suppress(OSError):
            mounts.umount2(of.users, mounts.MNT_DETACH)
        os.unlink(of.users)


@contextlib.contextmanager
def owners(of: Of, ids: Ids | None) -> Iterator[Owners | None]:
    """Whose files a snapshot is to show: those of the namespace, of one like it while the container does not run."""
    if ids is None:
        yield None
        return
    with contextlib.ExitStack() as held:
        path = of.users
        if not os.path.exists(path):
            pid = held.enter_context(stand_in(namespaces.CLONE_NEWUSER))
            write_maps(pid, ids)
            path = f"/proc/{pid}/ns/user"
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        held.callback(os.close, descriptor)
        yield Owners(descriptor, ids)


@contextlib.contextmanager
def writing(ids: Ids | None) -> Iterator[None]:
    """Whatever the block makes in the container's files is made as its root, who has an id there as we have none."""
    with acting_as(*ids.root) if ids is not None else contextlib.nullcontext():
        yield


def give(ids: Ids | None, *paths: str) -> None:
    """Have files of ours belong to root of the container."""
    if ids is not None:
        for path in paths:
            os.chown(path, *ids.root)


def _open_way(of: Of, group: int) -> None:
    """Let the container's root, an unprivileged user here, come to its files, and no other such user.

    The folder of all containers can be entered but not listed, that of this one by its root's group alone.
    """
    folder = os.path.dirname(of.folder)
    os.chmod(folder, os.stat(folder).st_mode & 0o7777 | _ENTER)
    os.chown(of.folder, -1, group)
    os.chmod(of.folder, 0o710)  # noqa: S103 - for a group that has no owner outside
    while folder != "/":
        if not os.stat(folder).st_mode & _ENTER:
            raise EngineError(f"the users of a remapped container cannot enter {folder}: chmod o+x it, or take --root")
        folder = os.path.dirname(folder)


def _ranges(maps: tuple[IdMap, ...]) -> Ranges:
    return tuple((each.container, each.host, each.size) for each in maps)


def _read(path: str, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        return b""
