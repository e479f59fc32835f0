"""Version 2: what a group uses."""

from __future__ import annotations

import os

from runtime.cgroups import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_UNBOUND = 2**64 - 1
_BLOCK = {
    "rbytes": ("ioServiceBytesRecursive", "Read"),
    "wbytes": ("ioServiceBytesRecursive", "Write"),
    "rios": ("ioServicedRecursive", "Read"),
    "wios": ("ioServicedRecursive", "Write"),
}


def statistics(directory: str) -> dict[str, Any]:
    """The statistics of `runc events --stats`."""
    counts = tree.table(directory, "cpu.stat")
    times = {name: count * 1000 for name, count in counts.items() if name.endswith("_usec")}
    raw = tree.table(directory, "memory.stat")
    used = _usage(directory, "memory")
    return {
        "cpu": {
            "usage": {
                "total": times.get("usage_usec", 0),
                "kernel": times.get("system_usec", 0),
                "user": times.get("user_usec", 0),
            },
            "throttling": {
                "periods": counts.get("nr_periods", 0),
                "throttledPeriods": counts.get("nr_throttled", 0),
                "throttledTime": times.get("throttled_usec", 0),
            },
        },
        "memory": {"cache": raw.get("file", 0), "usage": used, "swap": _with_swap(directory, used), "raw": raw},
        "pids": {"current": tree.number(directory, "pids.current"), "limit": tree.number(directory, "pids.max")},
        "blkio": _block(tree.read(directory, "io.stat")),
        "hugetlb": _huge(directory),
    }


def _usage(directory: str, prefix: str) -> dict[str, int]:
    return {
        "limit": _bound(directory, f"{prefix}.max"),
        "usage": tree.number(directory, f"{prefix}.current"),
        "max": tree.number(directory, f"{prefix}.peak"),
        "failcnt": tree.table(directory, f"{prefix}.events").get("max", 0),
    }


def _bound(directory: str, name: str) -> int:
    return _UNBOUND if tree.read(directory, name) == "max" else tree.number(directory, name)


def _with_swap(directory: str, memory: dict[str, int]) -> dict[str, int]:
    """Memory and swap together, as version 1 counts and as runc tells for both."""
    swap = _usage(directory, "memory.swap")
    return {
        "limit": min(memory["limit"] + swap["limit"], _UNBOUND),
        "usage": memory["usage"] + swap["usage"],
        "failcnt": swap["failcnt"],
    }


def _huge(directory: str) -> dict[str, dict[str, int]]:
    sizes = {name.split(".")[1] for name in os.listdir(directory) if name.startswith("hugetlb.")}
    return {
        size: {
            "usage": tree.number(directory, f"hugetlb.{size}.current"),
            "failcnt": tree.table(directory, f"hugetlb.{size}.events").get("max", 0),
        }
        for size in sorted(sizes)
    }


def _block(text: str) -> dict[str, list[dict[str, Any]]]:
    """Bytes and operations by device, out of lines such as "8:0 rbytes=1 wbytes=2 rios=3 wios=4"."""
    found: dict[str, list[dict[str, Any]]] = {"ioServiceBytesRecursive": [], "ioServicedRecursive": []}
    for line in text.splitlines():
        numbers, *pairs = line.split()
        major, _, minor = numbers.partition(":")
        for name, _, value in (pair.partition("=") for pair in pairs):
            if name in _BLOCK:
                section, operation = _BLOCK[name]
                found[section].append({"major": int(major), "minor": int(minor), "op": operation, "value": int(value)})
    return found
