"""Limits as systemd's properties, out of the files of version 2 that hold them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Property = tuple[str, tuple[str, object]]

PERIOD = 100_000
"""Microseconds in which the kernel counts a CPU quota unless it is told otherwise."""

_WITHOUT_END = 2**64 - 1
_NUMBERS = {
    "cpu.weight": "CPUWeight",
    "io.weight": "IOWeight",
    "memory.high": "MemoryHigh",
    "memory.low": "MemoryLow",
    "memory.max": "MemoryMax",
    "memory.swap.max": "MemorySwapMax",
    "pids.max": "TasksMax",
}
_SETS = {"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}
_PERCENT = 10_000  # microseconds of a second: systemd counts quotas in them
_MOST = 8192


def properties(files: Iterable[tuple[str, object]], period: int = PERIOD) -> list[Property]:
    """Those that systemd has; the rest of the files it leaves alone.

    `period` is that of the CPU quota as it is now, in microseconds.
    """
    found: list[Property] = []
    for name, value in files:
        if name in _NUMBERS:
            found.append((_NUMBERS[name], ("t", _number(str(value)))))
        elif name in _SETS:
            found.append((_SETS[name], ("ay", _mask(str(value)))))
        elif name == "cpu.max":
            found += _quota(str(value), period)
    return found


def _number(text: str) -> int:
    return _WITHOUT_END if text == "max" else int(text)


def _quota(text: str, period: int) -> list[Property]:
    quota, _, asked = text.partition(" ")
    period = int(asked or period)
    if quota == "max":
        each_second = _WITHOUT_END
    else:
        each_second = int(quota) * 1_000_000 // period
        each_second += -each_second % _PERCENT
    return [("CPUQuotaPeriodUSec", ("t", period)), ("CPUQuotaPerSecUSec", ("t", each_second))]


def _mask(text: str) -> bytes:
    """A bit for each number of a list such as 0-3,7. Numbers beyond any machine's are the kernel's to refuse."""
    bits = 0
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit() and (last or first).isdigit() and int(last or first) < _MOST:
            for number in range(int(first), int(last or first) + 1):
                bits |= 1 << number
    return bits.to_bytes((bits.bit_length() + 7) // 8 or 1, "little")
