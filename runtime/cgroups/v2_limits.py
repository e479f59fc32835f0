"""Version 2: which file holds which limit of the runtime-spec, and how version 1's scales are turned into its own."""

from __future__ import annotations

from runtime.cgroups.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_THROTTLES = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)


def weight_of_shares(shares: int) -> int:
    """cpu.weight (1 to 10000) for cpu.shares (2 to 262144)."""
    return 1 + (min(max(shares, 2), 262144) - 2) * 9999 // 262142


def limits(resources: dict[str, Any], has: Callable[[str], bool]) -> Iterator[tuple[str, object]]:
    """Yield file and value for each limit. Raise CgroupError for what version 2 does not have."""
    yield from _cpu(resources.get("cpu") or {})
    yield from _memory(resources.get("memory") or {})
    pids = (resources.get("pids") or {}).get("limit") or 0
    if pids:
        yield "pids.max", pids if pids > 0 else "max"
    yield from _block(resources.get("blockIO") or {}, has)
    for huge in resources.get("hugepageLimits") or []:
        yield f"hugetlb.{huge['pageSize']}.max", huge["limit"]
    for name, value in (resources.get("unified") or {}).items():
        if "/" in name or name.startswith("."):
            raise CgroupError(f"unified limit {name!r} is not the name of a file")
        yield name, value


def _cpu(cpu: dict[str, Any]) -> Iterator[tuple[str, object]]:
    if cpu.get("realtimeRuntime") or cpu.get("realtimePeriod"):
        raise CgroupError("realtime limits need cgroup version 1, this host has version 2")
    if cpu.get("idle") is not None:
        yield "cpu.idle", cpu["idle"]
    if cpu.get("shares"):
        yield "cpu.weight", weight_of_shares(cpu["shares"])
    quota, period = cpu.get("quota") or 0, cpu.get("period") or 0
    if quota or period:
        yield "cpu.max", f"{quota if quota > 0 else 'max'} {period or 100000}"
    if cpu.get("burst"):
        yield "cpu.max.burst", cpu["burst"]
    if cpu.get("cpus"):
        yield "cpuset.cpus", cpu["cpus"]
    if cpu.get("mems"):
        yield "cpuset.mems", cpu["mems"]


def _memory(memory: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The spec's swap is memory and swap together; version 2 counts swap alone."""
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    if swap > 0 and limit <= 0:
        raise CgroupError("a limit of swap needs a limit of memory")
    if swap > 0 and swap < limit:
        raise CgroupError("the limit of memory and swap must not be below the limit of memory")
    if swap == -1 or (limit == -1 and not swap):
        yield "memory.swap.max", "max"
    elif swap:
        yield "memory.swap.max", swap - limit
    if limit:
        yield "memory.max", limit if limit > 0 else "max"
    if memory.get("reservation"):
        yield "memory.low", memory["reservation"] if memory["reservation"] > 0 else "max"


def _block(block: dict[str, Any], has: Callable[[str], bool]) -> Iterator[tuple[str, object]]:
    bfq = has("io.bfq.weight")
    if block.get("weight"):
        scaled = block["weight"] if bfq else 1 + (block["weight"] - 10) * 9999 // 990
        yield ("io.bfq.weight" if bfq else "io.weight"), scaled
    if bfq:
        for device in block.get("weightDevice") or []:
            yield "io.bfq.weight", f"{device['major']}:{device['minor']} {device['weight']}"
    for key, name in _THROTTLES:
        for device in block.get(key) or []:
            yield "io.max", f"{device['major']}:{device['minor']} {name}={device['rate']}"
