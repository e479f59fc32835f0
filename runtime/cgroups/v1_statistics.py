"""Version 1: what a group uses."""

from __future__ import annotations

import os

from runtime.cgroups import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TICKS_PER_SECOND = 100


def statistics(directories: dict[str, str]) -> dict[str, Any]:
    """The statistics of `runc events --stats`."""
    found: dict[str, Any] = {"cpu": _cpu(directories), "hugetlb": _huge(directories.get("hugetlb", ""))}
    if memory := directories.get("memory"):
        raw = tree.table(memory, "memory.stat")
        found["memory"] = {
            "cache": raw.get("cache", 0),
            "usage": _usage(memory, "memory"),
            "swap": _usage(memory, "memory.memsw"),
            "kernel": _usage(memory, "memory.kmem"),
            "kernelTCP": _usage(memory, "memory.kmem.tcp"),
            "raw": raw,
        }
    if pids := directories.get("pids"):
        found["pids"] = {"current": tree.number(pids, "pids.current"), "limit": tree.number(pids, "pids.max")}
    if blkio := directories.get("blkio"):
        found["blkio"] = {
            "ioServiceBytesRecursive": _block(tree.read(blkio, "blkio.throttle.io_service_bytes_recursive")),
            "ioServicedRecursive": _block(tree.read(blkio, "blkio.throttle.io_serviced_recursive")),
        }
    return found


def _usage(directory: str, prefix: str) -> dict[str, int]:
    names = {
        "limit": "limit_in_bytes",
        "usage": "usage_in_bytes",
        "max": "max_usage_in_bytes",
        "failcnt": "failcnt",
    }
    return {key: tree.number(directory, f"{prefix}.{name}") for key, name in names.items()}


def _huge(directory: str) -> dict[str, dict[str, int]]:
    if not directory:
        return {}
    sizes = sorted({name.split(".")[1] for name in os.listdir(directory) if name.startswith("hugetlb.")})
    return {
        size: {
            "usage": tree.number(directory, f"hugetlb.{size}.usage_in_bytes"),
            "max": tree.number(directory, f"hugetlb.{size}.max_usage_in_bytes"),
            "failcnt": tree.number(directory, f"hugetlb.{size}.failcnt"),
        }
        for size in sizes
    }


def _cpu(directories: dict[str, str]) -> dict[str, Any]:
    cpu, account = directories.get("cpu", ""), directories.get("cpuacct", "")
    throttled = tree.table(cpu, "cpu.stat") if cpu else {}
    ticks = tree.table(account, "cpuacct.stat") if account else {}
    nanoseconds = 1_000_000_000 // _TICKS_PER_SECOND
    return {
        "usage": {
            "total": tree.number(account, "cpuacct.usage") if account else 0,
            "percpu": [int(each) for each in tree.read(account, "cpuacct.usage_percpu").split()] if account else [],
            "kernel": ticks.get("system", 0) * nanoseconds,
            "user": ticks.get("user", 0) * nanoseconds,
        },
        "throttling": {
            "periods": throttled.get("nr_periods", 0),
            "throttledPeriods": throttled.get("nr_throttled", 0),
            "throttledTime": throttled.get("throttled_time", 0),
        },
    }


def _block(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and ":" in words[0]:
            major, _, minor = words[0].partition(":")
            found.append({"major": int(major), "minor": int(minor), "op": words[1], "value": int(words[2])})
    return found
