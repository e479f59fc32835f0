"""What the OCI runtime still has of a container whose monitor died before it could delete it."""

from __future__ import annotations

import contextlib
import json
import os

from runtime.cgroups import hierarchies
from runtime.cgroups.errors import CgroupError
from runtime.engine import runtimes
from runtime.engine.errors import EngineError, NoSuchContainer
from runtime.engine.machine import Machine
from runtime.engine.monitor.oci import Oci, RuntimeFailed
from runtime.engine.paths import Of


def end(machine: Machine, id: str) -> None:
    """End and delete it; nothing happens if there is nothing. The caller holds the lock, and no monitor lives."""
    of = machine.paths.of(id)
    if not os.path.isdir(f"{machine.paths.oci}/{id}"):
        return
    with contextlib.suppress(RuntimeFailed, EngineError):
        runtime = runtimes.find(_asked(machine, id) or machine.runtime)
        Oci([runtime], machine.paths.oci, id, of.oci_log).run("delete", "--force", id)
    empty(of)


def empty(of: Of) -> None:
    """Remove its control group: a runtime that was killed early has not written down that there is one."""
    with contextlib.suppress(OSError, ValueError, CgroupError):
        _empty(of)


def _asked(machine: Machine, id: str) -> str:
    try:
        return machine.store.record(id).host_config.runtime
    except NoSuchContainer:
        return ""


def _empty(of: Of) -> None:
    with open(of.spec, encoding="utf-8") as file:
        path = str((json.load(file).get("linux") or {}).get("cgroupsPath") or "")
    if path:
        group = hierarchies.group(path, of.id)
        if group.pids():
            group.kill()
        group.remove()
