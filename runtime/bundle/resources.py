"""Bounds as the runtime spec has them (config-linux.md "Control groups"); the runtime turns them into v1 or v2."""

from typing import Any, Final

from runtime.bundle.container import Resources
from runtime.bundle.grammar.cpus import NANO

_PERIOD: Final = 100_000
"""Microseconds over which --cpus is counted."""


def make(asked: Resources, cgroup_version: int) -> dict[str, Any]:
    """linux.resources without the devices; also what `update` gives to the runtime."""
    parts = {
        "memory": _memory(asked, cgroup_version),
        "cpu": _cpu(asked),
        "pids": _pids(asked),
        "blockIO": {"weight": asked.blkio_weight} if asked.blkio_weight else {},
    }
    return {name: part for name, part in parts.items() if part}


def swap(asked: Resources) -> int:
    """Memory and swap together: twice the memory by default, -1 without bound, 0 for no say."""
    return asked.memory_swap or 2 * asked.memory


def _memory(asked: Resources, cgroup_version: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if asked.memory:
        found["limit"] = asked.memory
    if asked.memory_reservation:
        found["reservation"] = asked.memory_reservation
    if asked.memory:
        found["swap"] = swap(asked)
    if asked.memory_swappiness is not None and cgroup_version == 1:
        found["swappiness"] = asked.memory_swappiness
    if asked.oom_kill_disable and cgroup_version == 1:
        found["disableOOMKiller"] = True
    return found


def _cpu(asked: Resources) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if asked.cpu_shares:
        found["shares"] = asked.cpu_shares
    if asked.nano_cpus:
        found["period"], found["quota"] = _PERIOD, asked.nano_cpus * _PERIOD // NANO
    if asked.cpu_period:
        found["period"] = asked.cpu_period
    if asked.cpu_quota:
        found["quota"] = asked.cpu_quota
    if asked.cpuset_cpus:
        found["cpus"] = asked.cpuset_cpus
    if asked.cpuset_mems:
        found["mems"] = asked.cpuset_mems
    return found


def _pids(asked: Resources) -> dict[str, Any]:
    if asked.pids_limit is None or asked.pids_limit == 0:
        return {}
    return {"limit": asked.pids_limit if asked.pids_limit > 0 else -1}
