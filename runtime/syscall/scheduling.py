"""How the kernel shares out its processors and disks among processes: this process's class and place."""

from __future__ import annotations

import ctypes
import struct

from runtime.syscall.libc import MACHINE, syscall

# sched_setattr and ioprio_set, which glibc has no functions for.
_NUMBERS = {
    "x86_64": (314, 251),
    "aarch64": (274, 30),
    "riscv64": (274, 30),
    "s390x": (345, 282),
    "ppc64le": (355, 273),
}
_WHO_PROCESS = 1
_CLASS_SHIFT = 13
_ATTRIBUTES = "<IIQiIQQQ"


def set_scheduler(policy: int, flags: int, nice: int, priority: int, times: tuple[int, int, int]) -> None:
    """sched_setattr(2) for this process; `times` are runtime, deadline and period in nanoseconds. Raise OSError."""
    size = struct.calcsize(_ATTRIBUTES)
    made = struct.pack(_ATTRIBUTES, size, policy, flags, nice, priority, *times)
    buffer = ctypes.create_string_buffer(made, size)
    syscall(_number(0), "sched_setattr", 0, buffer, 0)


def set_io_priority(kind: int, priority: int) -> None:
    """ioprio_set(2) for this process: 1 real-time, 2 best effort, 3 idle; 0 is served first. Raise OSError."""
    syscall(_number(1), "ioprio_set", _WHO_PROCESS, 0, kind << _CLASS_SHIFT | priority)


def _number(place: int) -> int:
    if MACHINE not in _NUMBERS:
        raise OSError(38, "function not implemented", f"scheduling on {MACHINE}")
    return _NUMBERS[MACHINE][place]
