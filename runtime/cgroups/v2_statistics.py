"""Version 2: what a group uses."""

from __future__ import annotations

from runtime.cgroups import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def statistics(directory: str) -> dict[str, Any]:
    """The statistics of `runc events --stats`."""
    cpu = {key: value * 1000 for key, value in tree.table(directory, "cpu.stat").items() if key.endswith("_usec")}
    counts = tree.table(directory, "cpu.stat")
    raw = tree.table(directory, "memory.stat")
    return {
        "cpu": {
            "usage": {
                "total": cpu.get("usage_usec", 0),
                "kernel": cpu.get("system_usec", 0),
                "user": cpu.get("user_usec", 0),
            },
            "throttling": {
                "periods": counts.get("nr_periods", 0),
                "throttledPeriods": counts.get("nr_throttled", 0),
                "throttledTime": cpu.get("throttled_usec", 0),
            },
        },
        "memory": {
            "cache": raw.get("file", 0),
            "usage": _usage(directory, "memory"),
            "swap": _usage(directory, "memory.swap"),
            "raw": raw,
        },
        "pids": {"current": tree.number(directory, "pids.current"), "limit": tree.number(directory, "pids.max")},
        "blkio": {"ioServiceBytesRecursive": _block(tree.read(directory, "io.stat"))},
        "hugetlb": {},
    }


def _usage(directory: str, prefix: str) -> dict[str, int]:
    return {
        "limit": tree.number(directory, f"{prefix}.max"),
        "usage": tree.number(directory, f"{prefix}.current"),
        "max": tree.number(directory, f"{prefix}.peak"),
        "failcnt": tree.table(directory, f"{prefix}.events").get("max", 0),
    }


def _block(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        numbers, *pairs = line.split()
        major, _, minor = numbers.partition(":")
        for key, operation in (("rbytes", "Read"), ("wbytes", "Write")):
            for pair in pairs:
                name, _, value = pair.partition("=")
                if name == key:
                    found.append({"major": int(major), "minor": int(minor), "op": operation, "value": int(value)})
    return found
