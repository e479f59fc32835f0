"""Version 1: which file holds which limit of the runtime-spec. Memory itself and devices have an order: see v1.py."""

from __future__ import annotations

from runtime.cgroups.rdma import entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

# Section of the resources, its key, controller, file.
_PLAIN = (
    ("cpu", "shares", "cpu", "cpu.shares"),
    ("cpu", "period", "cpu", "cpu.cfs_period_us"),
    ("cpu", "quota", "cpu", "cpu.cfs_quota_us"),
    ("cpu", "burst", "cpu", "cpu.cfs_burst_us"),
    ("cpu", "realtimePeriod", "cpu", "cpu.rt_period_us"),
    ("cpu", "realtimeRuntime", "cpu", "cpu.rt_runtime_us"),
    ("cpu", "idle", "cpu", "cpu.idle"),
    ("cpu", "cpus", "cpuset", "cpuset.cpus"),
    ("cpu", "mems", "cpuset", "cpuset.mems"),
    ("memory", "reservation", "memory", "memory.soft_limit_in_bytes"),
    ("memory", "kernelTCP", "memory", "memory.kmem.tcp.limit_in_bytes"),
    ("network", "classID", "net_cls", "net_cls.classid"),
)

_THROTTLES = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)


def limits(resources: dict[str, Any], has: Callable[[str, str], bool]) -> Iterator[tuple[str, str, object]]:
    """Yield controller, file and value for each limit; 0 and empty mean "not asked", as with runc."""
    for section, key, controller, name in _PLAIN:
        value = (resources.get(section) or {}).get(key)
        if value:
            yield controller, name, value
    memory = resources.get("memory") or {}
    swappiness = memory.get("swappiness")
    if swappiness is not None and swappiness != 0xFFFFFFFFFFFFFFFF:
        yield "memory", "memory.swappiness", swappiness
    if memory.get("disableOOMKiller"):
        yield "memory", "memory.oom_control", 1
    pids = (resources.get("pids") or {}).get("limit") or 0
    if pids:
        yield "pids", "pids.max", pids if pids > 0 else "max"
    yield from _block(resources.get("blockIO") or {}, has)
    for huge in resources.get("hugepageLimits") or []:
        for name in (f"hugetlb.{huge['pageSize']}.limit_in_bytes", f"hugetlb.{huge['pageSize']}.rsvd.limit_in_bytes"):
            if ".rsvd." not in name or has("hugetlb", name):
                yield "hugetlb", name, huge["limit"]
    for entry in entries(resources):
        yield "rdma", "rdma.max", entry
    for priority in (resources.get("network") or {}).get("priorities") or []:
        yield "net_prio", "net_prio.ifpriomap", f"{priority['name']} {priority['priority']}"


def _block(block: dict[str, Any], has: Callable[[str, str], bool]) -> Iterator[tuple[str, str, object]]:
    weight = "blkio.weight" if has("blkio", "blkio.weight") else "blkio.bfq.weight"
    if block.get("weight"):
        yield "blkio", weight, block["weight"]
    if block.get("leafWeight"):
        yield "blkio", "blkio.leaf_weight", block["leafWeight"]
    for device in block.get("weightDevice") or []:
        if device.get("weight"):
            yield "blkio", f"{weight}_device", f"{device['major']}:{device['minor']} {device['weight']}"
    for key, name in _THROTTLES:
        for device in block.get(key) or []:
            yield "blkio", name, f"{device['major']}:{device['minor']} {device['rate']}"
