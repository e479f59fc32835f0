"""What keeps a container apart and within bounds: control groups, capabilities, seccomp, namespaces, limits, users."""

import json
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.e2e

NONE = "--network=none"
CGROUPS = Path("/sys/fs/cgroup")
USUAL = 0x00000000A80425FB
"""Docker's fourteen capabilities."""


def controlled(pid: str, controller: str) -> Path:
    """The folder of a process's control group, of a controller of version 1, or of version 2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return CGROUPS / controller / path.lstrip("/")
    return CGROUPS / Path(f"/proc/{pid}/cgroup").read_text().rpartition("0::/")[2].strip()


def bound(pid: str, controller: str, old: str, new: str) -> str:
    """What stands in a file of it, which has another name in version 2."""
    folder = controlled(pid, controller)
    path = folder / old if (folder / old).exists() else folder / new
    return path.read_text().strip()


def test_bounds_are_in_the_control_groups_and_are_updated(engine: Engine) -> None:
    options = (
        "--memory=64m",
        "--memory-swap=96m",
        "--cpus=0.5",
        "--cpuset-cpus=0",
        "--pids-limit=20",
        "--cpu-shares=512",
    )
    engine("run", "-d", "--name", "bounds", *options, NONE, "busybox", "sleep", "1000")
    pid = engine.asked("bounds", "{{.State.Pid}}")
    assert bound(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(64 * 2**20)
    assert bound(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"
    assert bound(pid, "cpuset", "cpuset.cpus", "cpuset.cpus") == "0"
    assert bound(pid, "pids", "pids.max", "pids.max") == "20"
    swap = controlled(pid, "memory") / "memory.memsw.limit_in_bytes"
    assert not swap.exists() or swap.read_text().strip() == str(96 * 2**20)
    assert (
        engine("update", "-m", "32m", "--memory-swap=32m", "--cpus=0.25", "--pids-limit", "30", "bounds") == "bounds\n"
    )
    assert bound(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(32 * 2**20)
    assert bound(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "25000"
    assert bound(pid, "pids", "pids.max", "pids.max") == "30"
    shape = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}"
    assert engine.asked("bounds", shape) == f"{32 * 2**20} {32 * 2**20} 250000000 30"
    assert "/ 32MiB" in engine("stats", "--no-stream", "--format", "{{.MemUsage}}", "bounds")
    assert "one or more flags" in engine.refuses("update", "bounds")
    folder = controlled(pid, "memory")
    engine("rm", "-f", "bounds")
    assert not folder.exists()
    engine(
        "run",
        "--name",
        "greedy",
        "-m",
        "16m",
        "--memory-swap=16m",
        NONE,
        "busybox",
        "sh",
        "-c",
        "tail /dev/zero",
        code=137,
    )
    assert engine.asked("greedy", "{{.State.OOMKilled}}") == "true"
    engine("rm", "greedy")
    assert "6mb" in engine.refuses("run", "--rm", "-m", "1m", NONE, "busybox", code=125)
    assert "cpus" in engine.refuses("run", "--rm", "--cpus=1000", NONE, "busybox", code=125)


def test_capabilities_and_system_calls(engine: Engine, tmp_path: Path) -> None:
    def status(*options: str | Path) -> dict[str, str]:
        shown = engine(
            "run", "--rm", *options, NONE, "busybox", "grep", "-E", "^(Cap|NoNew|Seccomp:)", "/proc/self/status"
        )
        return {name: value.strip() for name, _, value in (line.partition(":") for line in shown.splitlines())}

    found = status()
    assert [int(found[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")] == [USUAL] * 3
    assert int(found["CapAmb"], 16) == 0
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("0", "2")
    found = status(
        "--cap-drop=ALL", "--cap-add=NET_ADMIN", "--cap-add", "cap_sys_time", "--security-opt=no-new-privileges"
    )
    assert int(found["CapEff"], 16) == 1 << 12 | 1 << 25
    assert found["NoNewPrivs"] == "1"
    found = status("--user=user", "--security-opt", "seccomp=unconfined")
    assert (int(found["CapEff"], 16), found["Seccomp"]) == (0, "0")
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    }
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    engine("run", "--rm", "--security-opt", f"seccomp={tmp_path}/profile.json", NONE, "busybox", "mkdir", "/x", code=1)
    assert "not permitted" in engine.errors
    engine("run", "--rm", NONE, "busybox", "unshare", "-m", "true", code=1)
    if not engine.is_docker:  # which asks for capabilities that a host may not have itself
        engine("run", "--rm", "--privileged", NONE, "busybox", "unshare", "-m", "true")
    engine("run", "--rm", NONE, "busybox", "sh", "-c", "mount -t tmpfs x /tmp", code=1)
    for words in (("--cap-add=NOSUCH",), ("--security-opt", "seccomp=/nosuch.json"), ("--security-opt", "nosuch=1")):
        engine.refuses("run", "--rm", *words, NONE, "busybox", code=125)


def test_namespaces(engine: Engine) -> None:
    engine("run", "-d", "--name", "first", "--ipc=shareable", "--hostname=one", NONE, "busybox", "sleep", "1000")
    script = "for each in cgroup ipc mnt net pid uts user; do readlink /proc/self/ns/$each; done"

    def namespaces(*words: str) -> dict[str, str]:
        return dict(line.split(":") for line in engine.lines(*words, "sh", "-c", script))

    host = {path.name: path.readlink().name.partition(":")[2] for path in Path("/proc/self/ns").iterdir()}
    first = namespaces("exec", "first")
    assert {name for name in first if first[name] == host[name]} <= {"user", "cgroup"}
    joined = namespaces(
        "run", "--rm", "--pid=container:first", "--ipc=container:first", "--network=container:first", "busybox"
    )
    assert {name for name in first if first[name] == joined[name]} - {"user", "cgroup"} == {"ipc", "pid", "net"}
    assert "sleep 1000" in engine("run", "--rm", "--pid=container:first", NONE, "busybox", "ps")
    shared = namespaces("run", "--rm", "--pid=host", "--ipc=host", "--uts=host", NONE, "busybox")
    assert {name for name in host if name in shared and shared[name] == host[name]} >= {"ipc", "pid", "uts"}
    assert engine("run", "--rm", "--ipc=none", NONE, "busybox", "sh", "-c", "mount | grep -c /dev/shm || :") == "0\n"
    assert engine("exec", "first", "cat", "/proc/1/comm", "/etc/hostname") == "sleep\none\n"
    masked = engine(
        "exec",
        "first",
        "sh",
        "-c",
        "wc -c < /proc/keys; ls /sys/firmware; echo x > /proc/sys/kernel/panic || echo kept",
    )
    assert masked == "0\nkept\n"
    engine("rm", "-f", "first")


def test_limits_parameters_and_users(engine: Engine) -> None:
    options = (
        *(
            "--ulimit",
            "nofile=100:200",
            "--ulimit=core=0",
            "--sysctl",
            "net.ipv4.ip_forward=1",
            "--oom-score-adj=300",
        ),
        *("--user", "1000:5", "--group-add", "7", "--group-add=user"),
    )
    script = (
        "ulimit -n; ulimit -Hn; ulimit -c; cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj; id -u; id -G"
    )
    shown = engine.lines("run", "--rm", *options, NONE, "busybox", "sh", "-c", script)
    assert shown == ["100", "200", "0", "1", "300", "1000", "5 7 1000"]
    engine.refuses("run", "--rm", "--sysctl=kernel.panic=1", NONE, "busybox", code=125)
    assert "nosuch" in engine.refuses("run", "--rm", "--user=nosuch", NONE, "busybox", code=125)
    engine.refuses("run", "--rm", "--ulimit=nosuch=1", NONE, "busybox", code=125)


def test_an_init_reaps(engine: Engine) -> None:
    script = "(sleep 0.1 &); sleep 0.5; ps -o pid,stat,args"
    engine("run", "-d", "--name", "init", "--init", NONE, "busybox", "sh", "-c", f"{script}; sleep 1000")
    wait_until(lambda: "ps -o" in engine("logs", "init"), "the list of processes")
    shown = engine.lines("logs", "init")
    assert "init" in shown[1].split()[2]
    assert not [line for line in shown if " Z" in line]
    assert engine("stop", "init") == "init\n"  # the shell is not process 1 and ends at once
    assert engine.asked("init", "{{.State.ExitCode}}") == "143"
    engine("rm", "init")
