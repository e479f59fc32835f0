"""A container on an OCI runtime: its limits, changed while it runs, what it uses, stopping, killing, removing."""

import json
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.e2e.vm.guest import groups
from tests.runtime.executor.bundles import Bundle, Runtime

MIB = 1 << 20
RESOURCES: dict[str, Any] = {
    "devices": [{"allow": False, "access": "rwm"}],
    "memory": {"limit": 64 * MIB, "swap": 96 * MIB, "reservation": 32 * MIB},
    "cpu": {"shares": 512, "quota": 50000, "period": 100000, "burst": 20000, "cpus": "1", "mems": "0"},
    "pids": {"limit": 33},
    "blockIO": {
        "weight": 500,
        "throttleReadBpsDevice": [{"major": 7, "minor": 0, "rate": 1000000}],
        "throttleWriteIOPSDevice": [{"major": 7, "minor": 0, "rate": 100}],
    },
    "hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}],
    "unified": {"memory.high": str(48 * MIB)},
}
CHANGES: dict[str, dict[str, Any]] = {
    "more": {"memory": {"limit": 128 * MIB, "swap": 128 * MIB}, "cpu": {"quota": 150000, "period": 50000}},
    "unbound": {"memory": {"limit": -1}, "cpu": {"quota": -1}, "pids": {"limit": -1}},
    "less": {"memory": {"limit": 32 * MIB, "swap": -1}, "cpu": {"shares": 2048, "cpus": "0-1"}, "pids": {"limit": 7}},
}
SLEEPERS = "sleep 1000 & sleep 1000 & setsid sleep 1000 & exec sleep 1000"


def looks(runtime: Runtime, bundle: Bundle) -> Iterator[tuple[str, object]]:
    """All of it, by name."""
    group, name = bundle.group, "box"
    (bundle.rootfs / "bin/setsid").symlink_to("busybox")
    bundle.write(lambda config: config["linux"].update(resources=RESOURCES), args=["sh", "-c", SLEEPERS])
    runtime.background("run", "--detach", "--bundle", bundle.directory, name)
    yield "group", groups.of(json.loads(runtime.ok("state", name))["pid"])
    yield "limits", groups.read(group)
    groups.wait(lambda: groups.events(group, "pids.events") is not None and len(_pids(group)) == 4)
    yield "listed", json.loads(runtime.ok("ps", "--format", "json", name)) == _pids(group)
    yield "used", _used(json.loads(runtime.ok("events", "--stats", name))["data"])
    runtime.ok("pause", name)
    yield "paused", [runtime.status(name), groups.events(group)["frozen"]]
    yield "refused", runtime("exec", name, "true").returncode != 0
    runtime.ok("resume", name)
    yield "resumed", [runtime.status(name), groups.events(group)["frozen"]]
    for change, resources in CHANGES.items():
        runtime.ok("update", "--resources", "-", name, given=json.dumps(resources).encode())
        yield change, groups.read(group)
    runtime.ok("update", "--memory", "64m", "--memory-swap", "80m", "--pids-limit", "9", "--cpu-quota", "20000", name)
    yield "flags", groups.read(group)
    wrong = runtime("update", "--resources", "-", name, given=b'{"memory": {"limit": 1048576, "swap": 1024}}')
    yield "less swap than memory", wrong.returncode
    runtime.ok("pause", name)
    runtime.ok("kill", "--all", name, "KILL")
    yield "killed", groups.wait(lambda: not _pids(group))
    yield "stopped", runtime.status(name)
    runtime.ok("delete", name)
    yield "gone", not groups.there(group)
    yield from _relative(runtime, bundle)


def _pids(group: str) -> list[int]:
    return sorted(int(pid) for pid in groups.read(group, ["cgroup.procs"])["cgroup.procs"].split())


def _used(told: dict[str, Any]) -> dict[str, Any]:
    """What must be the same for the same container on another runtime, and whether the rest is about right."""
    return {
        "memory": told["memory"]["usage"]["limit"],
        "swap": told["memory"]["swap"]["limit"],
        "uses memory": 0 < told["memory"]["usage"]["usage"] < 64 * MIB,
        "counts swap and memory": told["memory"]["swap"]["usage"] >= told["memory"]["usage"]["usage"],
        "pids": told["pids"],
        "cpu": told["cpu"]["usage"]["total"] > 0,
        "raw": "anon" in told["memory"]["raw"],
        "hugetlb": sorted(told["hugetlb"]),
    }


def _relative(runtime: Runtime, bundle: Bundle) -> Iterator[tuple[str, object]]:
    """A path that is relative, and none at all: beside the caller's group, because below it nothing can be limited."""
    side = bundle.group.rpartition("/")[2]
    for kind, path in (("relative", f"beside-{side}"), ("unnamed", "")):
        bundle.write(partial(_place, path), args=["sleep", "1000"])
        name = f"{kind}-{side}"
        runtime.background("run", "--detach", "--bundle", bundle.directory, name)
        group = groups.of(json.loads(runtime.ok("state", name))["pid"])
        yield (
            kind,
            [
                group == f"{os.path.dirname(groups.of(os.getpid()))}/{path or name}",
                "memory.max" in os.listdir(groups.ROOT / group[1:]),
            ],
        )
        runtime.ok("delete", "--force", name)


def _place(path: str, config: dict[str, Any]) -> None:
    config["linux"]["cgroupsPath"] = path
