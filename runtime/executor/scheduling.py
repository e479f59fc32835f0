"""process.scheduler and process.ioPriority of the specification: read early, done right before the program."""

from __future__ import annotations

import os

from runtime.executor.errors import InvalidSpec, StartFailed
from runtime.syscall.scheduling import set_io_priority, set_scheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
_LEAST_NICE, _MOST_NICE = -20, 19
_LOWEST_IO = 7


class Scheduling:
    """What a process asks for. Raise InvalidSpec for what makes no sense."""

    def __init__(self, process: dict[str, Any]) -> None:
        self._scheduler: tuple[int, int, int, int, tuple[int, int, int]] | None = None
        self._io: tuple[int, int] | None = None
        if asked := process.get("scheduler"):
            self._scheduler = _scheduler(asked)
        if asked := process.get("ioPriority"):
            self._io = _io(asked)

    def take(self) -> None:
        """Have this process be scheduled so. Raise StartFailed."""
        try:
            if self._scheduler is not None:
                set_scheduler(*self._scheduler)
            if self._io is not None:
                set_io_priority(*self._io)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise StartFailed(f"cannot set the process's scheduling: {error.filename}: {reason}") from None


def _scheduler(asked: dict[str, Any]) -> tuple[int, int, int, int, tuple[int, int, int]]:
    policy, nice, priority = asked.get("policy"), int(asked.get("nice") or 0), int(asked.get("priority") or 0)
    if policy not in _POLICIES:
        raise InvalidSpec(f"invalid scheduler policy: {policy}")
    if not _LEAST_NICE <= nice <= _MOST_NICE:
        raise InvalidSpec(f"invalid scheduler.nice: {nice}")
    if priority and policy not in ("SCHED_FIFO", "SCHED_RR"):
        raise InvalidSpec("scheduler.priority can only be specified for SCHED_FIFO or SCHED_RR policy")
    times = [int(asked.get(name) or 0) for name in ("runtime", "deadline", "period")]
    if any(times) and policy != "SCHED_DEADLINE":
        raise InvalidSpec("scheduler runtime/deadline/period can only be specified for SCHED_DEADLINE policy")
    flags = 0
    for flag in asked.get("flags") or []:
        if flag not in _FLAGS:
            raise InvalidSpec(f"invalid scheduler flag: {flag}")
        flags |= _FLAGS[flag]
    return _POLICIES[policy], flags, nice, priority, (times[0], times[1], times[2])


def _io(asked: dict[str, Any]) -> tuple[int, int]:
    kind, priority = asked.get("class"), int(asked.get("priority") or 0)
    if kind not in _CLASSES:
        raise InvalidSpec(f"invalid ioPriority.class: {kind}")
    if not 0 <= priority <= _LOWEST_IO:
        raise InvalidSpec(f"invalid ioPriority.priority: {priority}")
    return _CLASSES[kind], priority
