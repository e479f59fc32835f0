"""Limits of the runtime-spec as the files of both versions; groups of this host, made, used and removed."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.cgroups import hierarchies, v1, v1_limits, v2, v2_limits
from runtime.cgroups.cgroup import Cgroup
from runtime.cgroups.device_filter import program
from runtime.cgroups.devices import DEFAULT_RULES, line
from runtime.cgroups.errors import CgroupError

RESOURCES: dict[str, Any] = {
    "cpu": {"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0"},
    "memory": {"reservation": 1 << 20, "swappiness": 10},
    "pids": {"limit": -1},
    "blockIO": {"weight": 500, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}]},
    "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
    "rdma": {"mlx4_0": {"hcaHandles": 3, "hcaObjects": 10000}},
}


def test_files_of_version_1() -> None:
    assert list(v1_limits.limits(RESOURCES, lambda *_: True)) == [
        ("cpu", "cpu.shares", 1024),
        ("cpu", "cpu.cfs_period_us", 100000),
        ("cpu", "cpu.cfs_quota_us", 50000),
        ("cpuset", "cpuset.cpus", "0"),
        ("memory", "memory.soft_limit_in_bytes", 1 << 20),
        ("memory", "memory.swappiness", 10),
        ("pids", "pids.max", "max"),
        ("blkio", "blkio.weight", 500),
        ("blkio", "blkio.throttle.read_bps_device", "8:0 1000"),
        ("hugetlb", "hugetlb.2MB.limit_in_bytes", 0),
        ("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes", 0),
        ("rdma", "rdma.max", "mlx4_0 hca_handle=3 hca_object=10000"),
    ]


def test_files_of_version_2() -> None:
    resources = RESOURCES | {
        "memory": {"limit": 100, "swap": 150, "reservation": 50},
        "unified": {"memory.high": "9", "io.max": "8:0 wbps=1\n8:16 wbps=2"},
    }
    assert list(v2_limits.limits(resources, lambda _: "")) == [
        ("cpu.weight", 100),
        ("cpu.max", "50000 100000"),
        ("cpuset.cpus", "0"),
        ("memory.swap.max", 50),
        ("memory.max", 100),
        ("memory.low", 50),
        ("pids.max", "max"),
        ("io.weight", 4950),
        ("io.max", "8:0 rbps=1000"),
        ("hugetlb.2MB.max", 0),
        ("rdma.max", "mlx4_0 hca_handle=3 hca_object=10000"),
        ("memory.high", "9"),
        ("io.max", "8:0 wbps=1"),
        ("io.max", "8:16 wbps=2"),
    ]


@pytest.mark.parametrize(("shares", "weight"), [(1, 1), (2, 1), (512, 59), (1024, 100), (2000, 170), (262144, 10000)])
def test_weights_of_shares(shares: int, weight: int) -> None:
    assert v2_limits.weight_of_shares(shares) == weight


@pytest.mark.parametrize(
    ("cpu", "files"),
    [
        ({"quota": 70000}, [("cpu.max", "70000")]),
        ({"quota": -1}, [("cpu.max", "max")]),
        ({"period": 20000}, [("cpu.max", "50000 20000")]),
        ({"quota": 30000, "burst": 20000}, [("cpu.max.burst", 20000), ("cpu.max", "30000"), ("cpu.max.burst", 20000)]),
        ({"quota": 70000, "burst": 60000}, [("cpu.max", "70000"), ("cpu.max.burst", 60000)]),
        ({"idle": 1, "shares": 512}, [("cpu.idle", 1)]),
    ],
)
def test_cpu_of_version_2_beside_what_is_set(cpu: dict[str, int], files: list[tuple[str, object]]) -> None:
    now = {"cpu.max": "50000 100000"}
    assert list(v2_limits.limits({"cpu": cpu}, lambda name: now.get(name, ""))) == files


@pytest.mark.parametrize(
    "resources",
    [
        {"memory": {"swap": 10}},
        {"memory": {"limit": 20, "swap": 10}},
        {"cpu": {"realtimeRuntime": 1}},
        {"unified": {"../x": "1"}},
        {"memory": {"limit": 10, "checkBeforeUpdate": True}},
    ],
)
def test_what_version_2_cannot_do_is_told(resources: dict[str, Any]) -> None:
    with pytest.raises(CgroupError):
        list(v2_limits.limits(resources, lambda _: "11"))


def test_places() -> None:
    assert hierarchies.place("/a//b/", "box") == "/a/b"
    assert hierarchies.place("", "box") == "box"
    with pytest.raises(CgroupError):
        hierarchies.place("/a/../b", "box")


def test_rules_of_devices() -> None:
    assert line({"allow": False, "access": "rwm"}) == "a"
    assert line({"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"}) == "c 1:3 rw"
    assert line({"allow": True, "type": "b", "major": 8, "access": "m"}) == "b 8:* m"


@pytest.fixture
def name() -> Iterator[str]:
    """A path of the tests' own, gone from every hierarchy afterwards."""
    found = f"/entrepot-cgroups-{os.getpid()}"
    yield found
    for point, _ in hierarchies.mounted().values():
        if Path(point + found).is_dir():
            Path(point + found).rmdir()


@pytest.fixture(params=["1", "2"])
def group(request: pytest.FixtureRequest, name: str) -> Iterator[Cgroup]:
    """A group of each version; version 2 where this host mounts it, alone or beside version 1."""
    if request.param == "1":
        mounted = {key: point for key, (point, _) in hierarchies.mounted().items() if key}
        made: Cgroup = v1.Group({controller: f"{point}{name}/box" for controller, point in mounted.items()})
    else:
        made = v2.Group(hierarchies.mounted()[""][0], f"{name}/box")
    made.create()
    yield made
    made.kill()
    made.remove()


@pytest.fixture
def sleeper(group: Cgroup) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the group."""
    with subprocess.Popen(["/bin/busybox", "sleep", "100"]) as process:
        group.add(process.pid)
        yield process
        process.kill()


def test_a_group_freezes_counts_and_kills(group: Cgroup, sleeper: subprocess.Popen[bytes]) -> None:
    assert group.pids() == [sleeper.pid]
    assert not group.frozen()
    group.freeze(True)
    assert group.frozen()
    sleeper.send_signal(18)  # to go on does not thaw it
    time.sleep(0.02)
    assert group.frozen()
    group.freeze(False)
    assert not group.frozen()
    sleeper.terminate()
    assert sleeper.wait(5) == -15
    assert group.pids() == []


def test_killing_ends_also_the_frozen(group: Cgroup, sleeper: subprocess.Popen[bytes]) -> None:
    group.freeze(True)
    group.kill()
    assert sleeper.wait(5) == -9


@pytest.mark.parametrize(("allowed", "opens"), [(True, True), (False, False)])
def test_devices_are_allowed_or_not(group: Cgroup, tmp_path: Path, allowed: bool, opens: bool) -> None:
    node = tmp_path / "fuse"
    os.mknod(node, 0o20600, os.makedev(10, 229))
    rules: list[dict[str, Any]] = [{"allow": False}, {"allow": allowed, "type": "c", "major": 10, "access": "rw"}]
    group.allow_devices([*rules, *DEFAULT_RULES])
    script = "read go; dd if=/dev/zero of=/dev/null count=1 2>/dev/null && echo zero; : < $0 && echo fuse"
    command = ["/bin/busybox", "sh", "-c", script, str(node)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        group.add(process.pid)
        said, _ = process.communicate(b"\n", timeout=10)
    assert said.split() == ([b"zero", b"fuse"] if opens else [b"zero"])


def test_limits_of_this_host(name: str) -> None:
    mounted = {key: point for key, (point, _) in hierarchies.mounted().items() if key in ("memory", "pids", "cpu")}
    group = v1.Group({controller: f"{point}{name}/box" for controller, point in mounted.items()})
    group.create()
    try:
        group.apply({"memory": {"limit": 32 << 20}, "pids": {"limit": 7}})
        assert group.statistics()["memory"]["usage"]["limit"] == 32 << 20
        group.apply({"memory": {"limit": 64 << 20}})
        assert group.statistics()["memory"]["usage"]["limit"] == 64 << 20
        assert group.statistics()["pids"]["limit"] == 7
        with pytest.raises(CgroupError, match="version 2"):
            group.apply({"unified": {"memory.high": "1"}})
        with pytest.raises(CgroupError, match="cpuset controller is not mounted"):
            group.apply({"cpu": {"cpus": "0"}})
    finally:
        group.remove()


def test_the_last_rule_decides_and_ends_the_program() -> None:
    everything: list[dict[str, Any]] = [{"allow": True, "type": "c", "major": 1}, {"allow": False}]
    assert program(everything) == program(everything[1:])
