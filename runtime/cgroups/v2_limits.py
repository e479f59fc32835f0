"""Version 2: which file holds which limit of the runtime-spec, and how version 1's scales are turned into its own.

`now` is what a file of the group holds at the moment, empty if there is no such file.
"""

from __future__ import annotations

from math import ceil, log2

from runtime.cgroups.errors import CgroupError
from runtime.cgroups.rdma import entries

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
    """cpu.weight (1 to 10000) for cpu.shares (2 to 262144); the defaults, 100 and 1024, are each other's.

    The curve is runc's since 1.3.2: the decimal logarithm of the weight is a square function of the binary one of the
    shares, through the two ends and the defaults.
    """
    power = log2(min(max(shares, 2), 262144))
    return ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))


def limits(resources: dict[str, Any], now: Callable[[str], str]) -> Iterator[tuple[str, object]]:
    """Yield file and value for each limit. Raise CgroupError for what version 2 does not have."""
    yield from _cpu(resources.get("cpu") or {}, now)
    yield from _memory(resources.get("memory") or {}, now)
    pids = (resources.get("pids") or {}).get("limit") or 0
    if pids:
        yield "pids.max", pids if pids > 0 else "max"
    yield from _block(resources.get("blockIO") or {}, now)
    for huge in resources.get("hugepageLimits") or []:
        yield f"hugetlb.{huge['pageSize']}.max", huge["limit"]
        if now(f"hugetlb.{huge['pageSize']}.rsvd.max"):
            yield f"hugetlb.{huge['pageSize']}.rsvd.max", huge["limit"]
    for entry in entries(resources):
        yield "rdma.max", entry
    for name, value in (resources.get("unified") or {}).items():
        if "/" in name or name.startswith("."):
            raise CgroupError(f"unified limit {name!r} is not the name of a file")
        for line in str(value).splitlines():  # of several devices the kernel takes one at a time
            yield name, line


def _cpu(cpu: dict[str, Any], now: Callable[[str], str]) -> Iterator[tuple[str, object]]:
    if cpu.get("realtimeRuntime") or cpu.get("realtimePeriod"):
        raise CgroupError("realtime limits need cgroup version 1, this host has version 2")
    if cpu.get("idle") is not None:
        yield "cpu.idle", cpu["idle"]
    if cpu.get("shares") and not cpu.get("idle"):  # what is idle has no weight
        yield "cpu.weight", weight_of_shares(cpu["shares"])
    quota, period, burst = cpu.get("quota") or 0, cpu.get("period") or 0, cpu.get("burst")
    before = now("cpu.max").partition(" ")[0]
    # The kernel wants the burst never above the quota, whichever way they go.
    if burst is not None and before not in ("", "max") and burst <= int(before):
        yield "cpu.max.burst", burst
    if quota or period:
        # A quota alone leaves the period as it is, and a period the quota, as on version 1.
        first = str(quota) if quota > 0 else "max" if quota else before or "max"
        yield "cpu.max", f"{first} {period}" if period else first
    if burst is not None:
        yield "cpu.max.burst", burst
    if cpu.get("cpus"):
        yield "cpuset.cpus", cpu["cpus"]
    if cpu.get("mems"):
        yield "cpuset.mems", cpu["mems"]


def _memory(memory: dict[str, Any], now: Callable[[str], str]) -> Iterator[tuple[str, object]]:
    """The spec's swap is memory and swap together; version 2 counts swap alone."""
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    if swap > 0 and limit <= 0:
        raise CgroupError("a limit of swap needs a limit of memory")
    if swap > 0 and swap < limit:
        raise CgroupError("the limit of memory and swap must not be below the limit of memory")
    used = now("memory.current") if memory.get("checkBeforeUpdate") else ""
    if used and 0 < limit < int(used):
        raise CgroupError(f"the limit of memory, {limit}, is below what is used, {used}")
    if swap == -1 or (limit == -1 and not swap):
        yield "memory.swap.max", "max"
    elif swap:
        yield "memory.swap.max", swap - limit
    if limit:
        yield "memory.max", limit if limit > 0 else "max"
    if memory.get("reservation"):
        yield "memory.low", memory["reservation"] if memory["reservation"] > 0 else "max"


def _block(block: dict[str, Any], now: Callable[[str], str]) -> Iterator[tuple[str, object]]:
    bfq = now("io.bfq.weight")
    if block.get("weight"):
        scaled = block["weight"] if bfq else 1 + (block["weight"] - 10) * 9999 // 990
        yield ("io.bfq.weight" if bfq else "io.weight"), scaled
    if bfq:
        for device in block.get("weightDevice") or []:
            yield "io.bfq.weight", f"{device['major']}:{device['minor']} {device['weight']}"
    for key, name in _THROTTLES:
        for device in block.get(key) or []:
            yield "io.max", f"{device['major']}:{device['minor']} {name}={device['rate']}"
