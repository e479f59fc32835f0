"""What a server costs, read from /proc for its whole process group: CPU seconds and memory."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Memory(NamedTuple):
    """Bytes over all processes of the group: resident, the peak of that, and the proportional share."""

    resident: int
    peak: int
    proportional: int


def members(group: int) -> Iterator[Path]:
    """The /proc folders of the processes whose group this is."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _stat(entry)[2:3] == [str(group)]:
            yield entry


def cpu_seconds(group: int) -> float:
    """User and system time of every thread, with that of children that have ended."""
    ticks = 0
    for entry in members(group):
        ticks += sum(int(field) for field in _stat(entry)[11:15])
    return ticks / TICKS


def memory(group: int) -> Memory:
    """Resident memory now, its peak, and the share counted once among processes."""
    resident = peak = proportional = 0
    for entry in members(group):
        status = _kilobytes(entry / "status")
        resident += status.get("VmRSS", 0)
        peak += status.get("VmHWM", 0)
        proportional += proportional_share(entry)
    return Memory(resident * 1024, peak * 1024, proportional)


def proportional_share(entry: Path) -> int:
    """Bytes of one process, by its /proc folder; 0 when it has gone."""
    return _kilobytes(entry / "smaps_rollup").get("Pss", 0) * 1024


def _stat(entry: Path) -> list[str]:
    """The fields after the name: state, parent, group, ...; empty when the process has gone."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _kilobytes(path: Path) -> dict[str, int]:
    found = {}
    try:
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if value.endswith(" kB"):
                found[name] = int(value.split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return found
