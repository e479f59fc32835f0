"""Changing the bounds and the restart policy of a container, while it runs too."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from msgspec.structs import replace

from runtime.bundle import checks, host, resources
from runtime.bundle.container import Request
from runtime.engine import events, frames, lifecycle, locks, planning, reconcile
from runtime.engine.errors import EngineError, WrongState
from runtime.engine.machine import Machine
from runtime.engine.monitor.oci import Oci, RuntimeFailed
from runtime.engine.stop import to_monitor


def update(machine: Machine, id: str, changed: dict[str, Any]) -> list[str]:
    """Change fields of its HostConfig; warnings of what has no effect. Raises EngineError, BundleError."""
    here, of = host.read(), machine.paths.of(id)
    with locks.held(of.lock):
        reconcile.mend(machine, id)
        record = machine.store.record(id)
        wanted = replace(record.host_config, **changed)
        if wanted.auto_remove and wanted.restart_policy.name != "no":
            raise EngineError("a restart policy cannot be given to a container that is removed when it ends")
        asked = Request(config=record.config, host_config=wanted, networking_config=record.networking_config)
        warnings = checks.check(asked, here)
        if machine.store.state(id).status in (lifecycle.RUNNING, lifecycle.PAUSED):
            _now(machine, id, resources.make(wanted, here.cgroup_version))
        machine.store.write(replace(record, host_config=wanted))
    if "restart_policy" in changed:
        policy = wanted.restart_policy
        with contextlib.suppress(WrongState), to_monitor(machine, id) as connection:
            connection.command(frames.POLICY, name=policy.name, maximum=policy.maximum_retry_count)
    events.append(machine.paths.events, "update", id, planning.attributes(record))
    return warnings


def _now(machine: Machine, id: str, bounds: dict[str, Any]) -> None:
    of = machine.paths.of(id)
    with open(of.plan, encoding="utf-8") as file:
        program = json.load(file)["runtime"]
    name = f"{of.run}/update.json"
    with open(name, "w", encoding="utf-8") as file:
        json.dump(bounds, file)
    try:
        Oci(program, machine.paths.oci, id, f"{of.run}/update.log").run("update", "--resources", name, id)
    except RuntimeFailed as error:
        raise EngineError(f"cannot update container {id[:12]}: {error}") from None
