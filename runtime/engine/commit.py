"""An image of what a container has written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import Any

import msgspec

from runtime.engine import events, groups, lifecycle, locks, looking, planning
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.stop import pause
from runtime.images import changes
from runtime.images.building import Step
from runtime.images.building import commit as build
from runtime.images.image import Image
from runtime.images.images import Images
from runtime.images.names import Name

_OF_AN_IMAGE = (
    "User",
    "ExposedPorts",
    "Env",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Entrypoint",
    "Labels",
    "StopSignal",
    "Healthcheck",
)
_IN_MEMORY = 16 * 2**20


def commit(
    machine: Machine,
    images: Images,
    id: str,
    names: Iterable[Name],
    *,
    message: str = "",
    author: str = "",
    instructions: Iterable[str] = (),
    pausing: bool = True,
) -> Image:
    """Make it; a container that runs is paused meanwhile unless it is said not to be.

    Raises NoSuchContainer, ImagesError, SnapshotError.
    """
    record = machine.store.record(id)
    run = changes.apply(_config(record), instructions)
    running = looking.looked_at(machine, id).status == lifecycle.RUNNING
    paused = pausing and running and groups.has_own(machine, id)
    if paused:
        pause(machine, id, paused=True)
    try:
        with locks.held(machine.paths.of(id).lock), tempfile.SpooledTemporaryFile(_IN_MEMORY) as layer:
            machine.snapshots.write_diff(id, layer)  # type: ignore[arg-type]  # a file in all but its class
            layer.seek(0)
            parent = images.find(record.image_id)
            step = Step.now(created_by=" ".join(record.args), comment=message, author=author)
            made = build(images, parent, layer, run, step, names)  # type: ignore[arg-type]
    finally:
        if paused:
            pause(machine, id, paused=False)
    events.append(machine.paths.events, "commit", id, {**planning.attributes(record), "imageID": made.id})
    return made


def _config(record: Record) -> dict[str, Any]:
    said = msgspec.to_builtins(record.config)
    return {name: said[name] for name in _OF_AN_IMAGE if said.get(name)}
