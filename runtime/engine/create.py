"""Making a container of an image: written down, with a snapshot and volumes of its own, and not running."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from runtime.bundle import checks, host, image
from runtime.bundle.container import ContainerConfig, HostConfig, Request
from runtime.bundle.grammar import mode
from runtime.bundle.mount_points import collect
from runtime.engine import clock, events, links, locks, names, planning, reconcile, volumes
from runtime.engine.errors import NameTaken
from runtime.engine.machine import Machine
from runtime.engine.record import Record

_ATTEMPTS = 20


def create(
    machine: Machine, request: Request, *, image_id: str, chain: str, run: Mapping[str, Any], name: str = ""
) -> tuple[Record, list[str]]:
    """Make it; what it is, and warnings of what will have no effect.

    `run` is the image's config of that name and `chain` what its layers are; request.config.image is the image as it
    was asked for. Nothing is left behind by an error. Raises EngineError, BundleError, VolumeError.
    """
    reconcile.remains(machine)
    merged = image.merge(request.config, image.read(run))
    request = replace(request, config=merged, host_config=_resolved(machine, request.host_config))
    warnings = checks.check(request, host.read())
    id = os.urandom(32).hex()
    record = Record(
        id=id,
        name="",
        created=clock.now(),
        image=request.config.image,
        image_id=image_id,
        chain=chain,
        config=_called(machine, merged, request.host_config),
        host_config=request.host_config,
        networking_config=request.networking_config,
        mounts=collect(merged, request.host_config, volumes.inherited(machine, request.host_config)),
        driver=machine.snapshots.name,
    )
    with locks.held(machine.paths.of(id).lock):
        machine.store.make(id)
        try:
            record = replace(record, name=_named(machine, id, name))
            record = _made(machine, record)
        except BaseException:
            _undo(machine, record)
            raise
    events.append(machine.paths.events, "create", id, planning.attributes(record))
    return record, warnings


def _made(machine: Machine, record: Record) -> Record:
    machine.snapshots.prepare(record.id, record.chain or None)
    record = volumes.settle(machine, record)
    record = links.settle(machine, record)
    machine.store.write(record)
    return record


def _undo(machine: Machine, record: Record) -> None:
    with contextlib.suppress(Exception):
        machine.snapshots.remove(record.id)
    machine.store.forget(record.id, record.name)


def _named(machine: Machine, id: str, asked: str) -> str:
    if asked:
        machine.store.take_name(asked, id)
        return asked
    for attempt in range(_ATTEMPTS):
        made = names.name(attempt)
        try:
            machine.store.take_name(made, id)
            return made
        except NameTaken:
            continue
    machine.store.take_name(id[:12], id)
    return id[:12]


def _called(machine: Machine, config: ContainerConfig, asked: HostConfig) -> ContainerConfig:
    """It has the name of the container whose network it shares."""
    other = mode.joined(asked.network_mode)
    if not other or asked.uts_mode == "host":
        return config
    shared = machine.store.record(other).config
    return replace(config, hostname=shared.hostname or other[:12], domainname=shared.domainname)


def _resolved(machine: Machine, asked: HostConfig) -> HostConfig:
    """Containers whose namespaces are joined, by their ids."""
    modes = {field: getattr(asked, field) for field in ("network_mode", "pid_mode", "ipc_mode")}
    joined = {
        field: f"{mode.CONTAINER}{machine.store.find(mode.joined(text))}"
        for field, text in modes.items()
        if mode.joined(text)
    }
    return replace(asked, **joined) if joined else asked
