"""Giving a container another name."""

from __future__ import annotations

from msgspec.structs import replace

from runtime.engine import events, locks, planning
from runtime.engine.machine import Machine


def rename(machine: Machine, id: str, name: str) -> None:
    """Rename it; its networks know it by the old name until it starts again. Raises NameTaken, NameInvalid."""
    name = name.removeprefix("/")
    with locks.held(machine.paths.of(id).lock):
        record = machine.store.record(id)
        machine.store.take_name(name, id)
        machine.store.write(replace(record, name=name))
        machine.store.drop_name(record.name, id)
        attributes = {**planning.attributes(record), "name": name, "oldName": f"/{record.name}"}
    events.append(machine.paths.events, "rename", id, attributes)
