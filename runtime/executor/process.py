"""A process of the specification: refused early where it cannot be."""

from __future__ import annotations

from runtime.executor.errors import InvalidSpec
from runtime.executor.loading import module
from runtime.syscall.processes import RLIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def check_process(process: dict[str, Any]) -> None:
    """Refuse a process that cannot be. Raise InvalidSpec."""
    if not process.get("args"):
        raise InvalidSpec("args must not be empty")
    if not str(process.get("cwd") or "").startswith("/"):
        raise InvalidSpec("Cwd must be an absolute path")
    seen = set()
    for limit in process.get("rlimits") or []:
        if limit.get("type") not in RLIMITS:
            raise InvalidSpec(f"invalid rlimit type: {limit.get('type')}")
        if limit["type"] in seen:
            raise InvalidSpec(f"rlimits: {limit['type']} is given twice")
        seen.add(limit["type"])
    if process.get("execCPUAffinity"):
        raise InvalidSpec("process.execCPUAffinity is not supported")
    if process.get("scheduler") or process.get("ioPriority"):
        module("scheduling").Scheduling(process)
    user = process.get("user") or {}
    for name in ("uid", "gid"):
        if not 0 <= int(user.get(name) or 0) < 0xFFFFFFFF:
            raise InvalidSpec(f"process.user.{name} is no valid id")
