"""The volumes and binds of a container: named when it is created, found and filled when it starts."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import NamedTuple

from msgspec.structs import replace

from runtime.bundle.container import HostConfig
from runtime.bundle.grammar import volumes_from
from runtime.bundle.grammar.path import clean
from runtime.bundle.mount_point import MountPoint
from runtime.engine.errors import EngineError
from runtime.engine.machine import Machine
from runtime.engine.paths import Of
from runtime.engine.record import Record
from runtime.syscall import files
from runtime.syscall.users import Ids
from runtime.volumes.errors import VolumeError
from runtime.volumes.volume import Wishes


def settle(machine: Machine, record: Record) -> Record:
    """Have every volume there, those without a name made for this container alone. Raises VolumeError.

    One that was made for another, and is had from there, goes with the container that has it last.
    """
    mounts, anonymous = [], []
    try:
        for mount in record.mounts:
            if mount.type == "volume":
                wishes = Wishes(mount.driver or "local", mount.labels, mount.driver_options)
                volume = machine.volumes.create(mount.name, wishes)
                if not mount.name:
                    anonymous.append(volume.name)
                source = str(machine.volumes.path(volume.name))
                mount = replace(mount, name=volume.name, source=source, driver=mount.driver or "local")  # noqa: PLW2901
            mounts.append(mount)
    except BaseException:
        drop(machine, replace(record, anonymous=tuple(anonymous)))
        raise
    theirs = {name for other in _lenders(machine, record.host_config) for name in other.record.anonymous}
    anonymous += [mount.name for mount in mounts if mount.type == "volume" and mount.name in theirs]
    return replace(record, mounts=tuple(mounts), anonymous=tuple(anonymous))


def inherited(machine: Machine, asked: HostConfig) -> tuple[MountPoint, ...]:
    """What the containers of --volumes-from have mounted, the last one's at a place that several have; not --tmpfs.

    Nothing is filled in: what is there is theirs. Raises NoSuchContainer, Ambiguous.
    """
    found: dict[str, MountPoint] = {}
    for record, rw in _lenders(machine, asked):
        own = {clean(path) for path in record.host_config.tmpfs}
        for mount in record.mounts:
            if mount.destination not in own:
                found[mount.destination] = replace(
                    mount, rw=mount.rw and rw, mode="", no_copy=True, labels={}, driver_options={}
                )
    return tuple(found.values())


class _Lender(NamedTuple):
    record: Record
    rw: bool


def _lenders(machine: Machine, asked: HostConfig) -> list[_Lender]:
    """The containers of --volumes-from, and whether what they have may be written to."""
    named = map(volumes_from.read, asked.volumes_from)
    return [_Lender(machine.store.record(machine.store.find(each.container)), each.rw) for each in named]


def resolve(machine: Machine, record: Record, of: Of, ids: Ids | None = None) -> tuple[MountPoint, ...]:
    """The mounts with sources that are there; an empty volume gets what the image has at its place.

    With the maps of a container that is remapped an empty volume that was root's belongs to its root afterwards.

    The root file system is mounted. Raises EngineError, VolumeError.
    """
    return tuple(_resolved(machine, record, of, mount, ids) for mount in record.mounts)


def release(machine: Machine, id: str) -> None:
    """The container has ended."""
    if os.path.isdir(f"{machine.run}/volumes"):
        machine.volumes.release(id)


def drop(machine: Machine, record: Record) -> None:
    """Remove the volumes that were made for it alone; one that others took up stays."""
    for name in record.anonymous:
        with contextlib.suppress(VolumeError):
            machine.volumes.remove(name, lambda name: users(machine, name, but=record.id))


def users(machine: Machine, name: str, *, but: str = "") -> list[str]:
    """The ids of the containers that have a volume."""
    return [
        record.id
        for record, _ in machine.store.all()
        if record.id != but and any(mount.type == "volume" and mount.name == name for mount in record.mounts)
    ]


def _resolved(machine: Machine, record: Record, of: Of, mount: MountPoint, ids: Ids | None) -> MountPoint:
    if mount.type == "bind":
        _have(mount)
        return mount
    if mount.type != "volume":
        return mount
    source = str(machine.volumes.acquire(mount.name, record.id))
    if not mount.no_copy:
        _fill(machine, of, mount)
    if ids is not None:
        _give(source, ids)
    return replace(mount, source=_below(source, mount.subpath) if mount.subpath else source)


def _have(mount: MountPoint) -> None:
    if os.path.lexists(mount.source):
        return
    if not mount.create_source:
        raise EngineError(
            f'invalid mount config for type "bind": bind source path does not exist: {mount.source}; make it first'
        )
    os.makedirs(mount.source, mode=0o755, exist_ok=True)


def _fill(machine: Machine, of: Of, mount: MountPoint) -> None:
    root = os.open(of.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        source = files.openat2(root, mount.destination, flags, 0, files.RESOLVE_IN_ROOT | files.RESOLVE_NO_MAGICLINKS)
    except OSError:
        return
    finally:
        os.close(root)
    try:
        if stat.S_ISDIR(os.fstat(source).st_mode):
            machine.volumes.copy_up(source, mount.name)
    finally:
        os.close(source)


def _give(source: str, ids: Ids) -> None:
    found = os.stat(source)
    if (found.st_uid, found.st_gid) == (0, 0) and not os.listdir(source):
        os.chown(source, *ids.root)


def _below(volume: str, path: str) -> str:
    """A folder within a volume. Raises EngineError when it is not there or leads out of it."""
    root = os.open(volume, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = files.openat2(root, path, os.O_PATH | os.O_CLOEXEC, 0, files.RESOLVE_BENEATH | files.RESOLVE_NO_MAGICLINKS)
        os.close(fd)
    except OSError as error:
        raise EngineError(f"cannot use {path} within the volume: {(error.strerror or '').lower()}") from None
    finally:
        os.close(root)
    return os.path.join(volume, path)
