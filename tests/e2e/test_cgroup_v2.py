"""Control groups of version 2, in a machine booted for it: this one may have version 1.

The guest (tests/e2e/vm/guest) does things and says what the kernel and the commands show; what that must be stands
here. Where `runc` is named, the runc of Debian did the same beside ours.
"""

import pytest

from tests.e2e.vm.kernel import kernel
from tests.e2e.vm.machine import Said, boot

# An emulated processor on a loaded machine is a hundred times slower than a real one.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1000)]

MIB = 1 << 20
SET = {
    "cpu.max": "50000 100000",
    "cpu.max.burst": "20000",
    "cpu.weight": "59",
    "cpuset.cpus": "1",
    "cpuset.mems": "0",
    "hugetlb.2MB.max": str(4 * MIB),
    "io.max": "7:0 rbps=1000000 wbps=max riops=max wiops=100",
    "io.weight": "default 4950",
    "memory.high": str(48 * MIB),
    "memory.low": str(32 * MIB),
    "memory.max": str(64 * MIB),
    "memory.swap.max": str(32 * MIB),
    "pids.max": "33",
}
MORE = SET | {"memory.max": str(128 * MIB), "memory.swap.max": "0", "cpu.max": "150000 50000"}
UNBOUND = MORE | {"memory.max": "max", "memory.swap.max": "max", "cpu.max": "max 50000", "pids.max": "max"}
LESS = UNBOUND | {"memory.max": str(32 * MIB), "cpu.weight": "174", "cpuset.cpus": "0-1", "pids.max": "7"}
FLAGS = LESS | {"memory.max": str(64 * MIB), "memory.swap.max": str(16 * MIB), "pids.max": "9"}
# What Debian's runc is too old for: bursts, and weights that keep the default one the default.
NEWER = {"cpu.max.burst", "cpu.weight"}
BOTH = pytest.mark.parametrize("side", ["ours", "runc"])


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """All that the guest said; it runs once."""
    return boot(tmp_path_factory.mktemp("machine"), kernel())


def without(names: set[str], limits: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in limits.items() if name not in names}


def test_the_machine_has_version_2_alone(said: Said) -> None:
    assert said["host.mounted"] == ["cgroup2"]
    assert said["host.own"] == "/system.slice/guest.service"
    assert {"cpu", "cpuset", "hugetlb", "io", "memory", "pids"} <= set(said["host.controllers"])
    assert said["engine.version"] == "2"
    assert said.wrong == ""


@pytest.mark.parametrize(("when", "limits"), [("limits", SET), ("more", MORE), ("unbound", UNBOUND), ("less", LESS)])
def test_limits_are_the_kernels_and_runcs(said: Said, when: str, limits: dict[str, str]) -> None:
    assert said["ours.containers.group"] == "/walled/ours"
    assert said[f"ours.containers.{when}"] == limits
    assert without(NEWER, said[f"runc.containers.{when}"]) == without(NEWER, limits)


def test_flags_of_update(said: Said) -> None:
    # A quota that is given alone leaves the period as it is, as on version 1; runc sets that to its default.
    assert said["ours.containers.flags"] == FLAGS | {"cpu.max": "20000 50000"}
    assert without(NEWER, said["runc.containers.flags"]) == without(NEWER, FLAGS | {"cpu.max": "20000 100000"})
    assert said["ours.containers.less swap than memory"] == said["runc.containers.less swap than memory"] == 1


@BOTH
def test_a_container_is_stopped_listed_killed_and_leaves_nothing(said: Said, side: str) -> None:
    assert said[f"{side}.containers.listed"] is True
    assert said[f"{side}.containers.paused"] == ["paused", 1]
    assert said[f"{side}.containers.refused"] is True
    assert said[f"{side}.containers.resumed"] == ["running", 0]
    assert said[f"{side}.containers.killed"] is True
    assert said[f"{side}.containers.stopped"] == "stopped"
    assert said[f"{side}.containers.gone"] is True


@BOTH
def test_what_a_container_uses(said: Said, side: str) -> None:
    assert said[f"{side}.containers.used"] == {
        "memory": 64 * MIB,
        "swap": 96 * MIB,
        "uses memory": True,
        "counts swap and memory": True,
        "pids": {"current": 4, "limit": 33},
        "cpu": True,
        "raw": True,
        "hugetlb": ["1GB", "2MB"],
    }


@BOTH
@pytest.mark.parametrize("kind", ["relative", "unnamed"])
def test_a_path_that_is_relative_is_beside_the_caller(said: Said, side: str, kind: str) -> None:
    assert said[f"{side}.containers.{kind}"] == [True, True]


@BOTH
def test_devices(said: Said, side: str) -> None:
    assert said[f"{side}.inside.devices"] == [
        *("read is read", "read is not written", "none is not read", "none is not written"),
        *("any is read", "any is written", "late is not read", "late is not written"),
        *("kind is not read", "kind is not written"),
        *("null", "zero", "full", "random", "urandom", "ptmx"),
        *("made", "sh: can't open /made: Operation not permitted"),
    ]
    assert "none is written" in said[f"{side}.inside.privileged"]
    assert said[f"{side}.inside.privileged"][-1] == "sh: can't open /made: No such device or address"


@BOTH
def test_groups_inside_of_a_container(said: Said, side: str) -> None:
    inside = ["0::/", f"memory.max: {64 * MIB}", "memory pids", "0::/leaf", str(16 * MIB)]
    assert said[f"{side}.nested.inside"] == inside
    assert said[f"{side}.nested.limits"] == {"memory.max": str(64 * MIB)}
    assert said[f"{side}.nested.joined"] == [0, "0::/leaf"]
    assert said[f"{side}.nested.listed"] == 1
    assert said[f"{side}.nested.paused"] == 1
    assert said[f"{side}.nested.within"] == [0, "0::/", ""]
    assert said[f"{side}.nested.gone"] is True


@BOTH
def test_scopes_of_systemd(said: Said, side: str) -> None:
    assert said[f"{side}.scopes.group"] == f"/walled.slice/walled-{side}.slice/test-{side}.scope"
    assert said[f"{side}.scopes.alone"] == 1
    assert said[f"{side}.scopes.known"] == [
        *("AllowedCPUs=1", "CPUQuotaPerSecUSec=500ms", "Delegate=yes", f"MemoryLow={32 * MIB}"),
        *(f"MemoryMax={64 * MIB}", f"MemorySwapMax={32 * MIB}", "TasksMax=33"),
    ]
    assert said[f"{side}.scopes.paused"] == 1
    assert said[f"{side}.scopes.gone"] is True
    assert said[f"{side}.scopes.forgotten"] is True


def test_limits_of_scopes_outlive_a_reload(said: Said) -> None:
    changed = {"memory.max": str(128 * MIB), "memory.swap.max": "max", "pids.max": "9", "cpu.max": "30000 100000"}
    for when, limits in (("limits", SET), ("reloaded", SET), ("updated", SET | changed)):
        assert said[f"ours.scopes.{when}"] == limits, when
        # That runc does not tell systemd of the weight, which makes it its default when it is reloaded.
        left_out = NEWER | {"io.weight"}
        assert without(left_out, said[f"runc.scopes.{when}"]) == without(left_out, limits), when


BOUND = {
    "cpu.max": "50000 100000",
    "cpu.max.burst": "0",
    "cpu.weight": "59",
    "cpuset.cpus": "1",
    "cpuset.mems": "0",
    "hugetlb.2MB.max": "max",
    "io.max": "",
    "io.weight": "default 4950",
    "memory.high": "max",
    "memory.low": str(32 * MIB),
    "memory.max": str(64 * MIB),
    "memory.swap.max": str(32 * MIB),
    "pids.max": "20",
}
UPDATED = BOUND | {
    "cpu.max": "150000 100000",
    "memory.max": str(128 * MIB),
    "memory.swap.max": str(128 * MIB),
    "pids.max": "30",
}


def test_limits_of_run(said: Said) -> None:
    assert said["engine.limits"] == BOUND
    assert without(NEWER, said["engine.limits with runc"]) == without(NEWER, BOUND)


def test_limits_of_run_hold(said: Said) -> None:
    assert said["engine.inside"] == ["held is read", "control is read", "200"]
    assert said["engine.too many"] is True
    assert said["engine.throttled"] is True


def test_update(said: Said) -> None:
    assert said["engine.updated"] == UPDATED
    assert without(NEWER, said["engine.updated with runc"]) == without(NEWER, UPDATED)
    again = {"memory.swap.max": "max", "cpu.weight": "100", "cpuset.cpus": "0-1"}
    assert said["engine.updated again"] == UPDATED | again


def test_stats_and_top(said: Said) -> None:
    assert said["engine.stats"] == ["64MiB", True]
    assert said["engine.top"] == ["sh -c while :; do :; done"]


def test_pause_and_unpause(said: Said) -> None:
    assert said["engine.paused"] == [1, "paused"]
    assert said["engine.stands still"] is True
    assert said["engine.unpaused"] == 0


def test_a_container_that_wants_too_much_memory(said: Said) -> None:
    assert said["engine.greedy"] == [137, 137, True, "exited"]
    assert said["engine.told"] == ["oom"]
    assert said["engine.swapped"] is True


def test_what_version_2_does_not_have_is_said(said: Said) -> None:
    assert said["engine.discarded"] == [
        "WARNING: cgroup v2 does not support OomKillDisable; it is discarded",
        "WARNING: cgroup v2 does not support memory swappiness; it is discarded",
    ]


def test_what_a_container_sees(said: Said) -> None:
    assert said["engine.private"] == ["0::/", 1, True]
    assert said["engine.host"] == "0::/own/parent"
    assert said["engine.split"] == "0::/leaf"


def test_nothing_is_left(said: Said) -> None:
    assert said["engine.many"] is True
    assert said["engine.many are gone"] is True
    assert said["engine.gone"] is True
    assert said["engine.gone with runc"] is True
    assert said["engine.left"] == []
