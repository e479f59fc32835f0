"""The command `entrepot` with everything that docker's users know of limits, and what the kernel has of it."""

import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.vm.guest import groups
from tests.e2e.vm.guest.command import entrepot, load, said

APPLETS = ("sh", "sleep", "cat", "true", "mkdir", "mknod", "dd", "tr", "seq", "setsid")
IMAGE = "box:1"
BOUNDS = (
    *("--memory", "64m", "--memory-swap", "96m", "--memory-reservation", "32m"),
    *("--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "1", "--cpuset-mems", "0"),
    *("--pids-limit", "20", "--blkio-weight", "500", "--ulimit", "nofile=100:200"),
    *("--device", "/dev/loop0:/dev/held:r", "--device-cgroup-rule", "c 10:237 r", "--cap-add", "MKNOD"),
)
BUSY = "while :; do :; done"
LOOK = """
(: < /dev/held) 2>/dev/null && echo held is read
(: >> /dev/held) 2>/dev/null && echo held is written
mknod /control c 10 237
(: < /control) 2>/dev/null && echo control is read
(: >> /control) 2>/dev/null && echo control is written
ulimit -Hn
for i in $(seq 40); do sleep 3 & done
"""
ALL = "(sleep 1000 & setsid sleep 1000 &); sleep 1000 & exec sleep 1000"
SWAP = "x=$(dd if=/dev/zero bs=1M count=12 2>/dev/null | tr '\\0' a); sleep 1000"
SPLIT = "cd /sys/fs/cgroup && mkdir leaf && echo 1 > leaf/cgroup.procs && echo +pids > cgroup.subtree_control"


def run(*words: str) -> str:
    """A container without a network that goes on; its group."""
    return f"/entrepot/{said('run', '--detach', '--network', 'none', *words)}"


def looks() -> Iterator[tuple[str, object]]:
    """All of it, by name."""
    load()
    _image()
    yield "version", json.loads(said("info", "--format", "json"))["CgroupVersion"]
    yield from _bounds()
    yield from _runc()
    yield from _memory()
    yield from _all()
    yield from _namespaces()
    yield "left", sorted(each.name for each in (groups.ROOT / "entrepot").iterdir() if each.is_dir())


def _image() -> None:
    packed = Path("/run/image.tar")
    with tarfile.open(packed, "w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    said("import", str(packed), IMAGE)


def _bounds() -> Iterator[tuple[str, object]]:
    group = run("--name", "bound", *BOUNDS, IMAGE, "sh", "-c", BUSY)
    yield "limits", groups.read(group)
    yield "inside", entrepot("exec", "bound", "sh", "-c", LOOK).out.splitlines()
    yield "too many", groups.events(group, "pids.events")["max"] > 0
    yield "throttled", groups.wait(lambda: groups.events(group, "cpu.stat")["nr_throttled"] > 0)
    stats = json.loads(said("stats", "--no-stream", "--format", "json", "bound"))
    yield "stats", [stats["MemUsage"].partition(" / ")[2], 1 < float(stats["CPUPerc"].rstrip("%")) < 70]
    yield (
        "top",
        [line.split(None, 1)[1] for line in said("top", "bound", "-o", "pid,args").splitlines() if BUSY in line],
    )
    said("pause", "bound")
    yield "paused", [groups.events(group)["frozen"], said("inspect", "--format", "{{.State.Status}}", "bound")]
    before = groups.events(group, "cpu.stat")["usage_usec"]
    time.sleep(0.2)
    yield "stands still", groups.events(group, "cpu.stat")["usage_usec"] == before
    said("unpause", "bound")
    yield "unpaused", groups.events(group)["frozen"]
    said("update", "--memory", "128m", "--memory-swap", "256m", "--cpus", "1.5", "--pids-limit", "30", "bound")
    yield "updated", groups.read(group)
    said("update", "--memory-swap", "-1", "--cpu-shares", "1024", "--cpuset-cpus", "0-1", "bound")
    yield "updated again", groups.read(group)
    said("pause", "bound")
    said("rm", "--force", "bound")
    yield "gone", not groups.there(group)


def _runc() -> Iterator[tuple[str, object]]:
    """The same bounds with runc below the command."""
    group = run("--name", "other", "--runtime", "runc", *BOUNDS, IMAGE, "sh", "-c", BUSY)
    yield "limits with runc", groups.read(group)
    said("update", "--memory", "128m", "--memory-swap", "256m", "--cpus", "1.5", "--pids-limit", "30", "other")
    yield "updated with runc", groups.read(group)
    said("rm", "--force", "other")
    yield "gone with runc", not groups.there(group)


def _memory() -> Iterator[tuple[str, object]]:
    """Containers that want more than they may have."""
    begun = str(time.time())
    greedy = ("--network", "none", "--memory", "24m", "--memory-swap", "24m", IMAGE, "dd", "if=/dev/zero", "bs=64M")
    done = entrepot("run", "--name", "greedy", *greedy, "of=/dev/null", "count=1")
    state = json.loads(said("inspect", "--format", "{{json .State}}", "greedy"))
    yield "greedy", [done.code, state["ExitCode"], state["OOMKilled"], state["Status"]]
    events = said("events", "--since", begun, "--until", str(time.time()), "--filter", "event=oom", "--format", "json")
    yield "told", [json.loads(line)["Action"] for line in events.splitlines()]
    group = run("--name", "swapped", "--memory", "16m", "--memory-swap", "64m", IMAGE, "sh", "-c", SWAP)
    yield "swapped", groups.wait(lambda: int(groups.read(group, ["memory.swap.current"])["memory.swap.current"]) > 0)
    said("rm", "--force", "swapped", "greedy")
    without = ("--oom-kill-disable", "--memory-swappiness", "10")
    done = entrepot("create", "--name", "discarded", "--network", "none", "--memory", "32m", *without, IMAGE, "true")
    yield "discarded", [line for line in done.err.splitlines() if "v2" in line]
    said("rm", "discarded")


def _all() -> Iterator[tuple[str, object]]:
    """A container whose processes have left their parents: all are gone with the first one."""
    group = run("--rm", "--name", "many", IMAGE, "sh", "-c", ALL)
    yield "many", groups.wait(lambda: len(groups.read(group, ["cgroup.procs"])["cgroup.procs"].split()) == 4)
    said("kill", "many")
    yield "many are gone", groups.wait(lambda: not groups.there(group))


def _namespaces() -> Iterator[tuple[str, object]]:
    """What a container sees of control groups."""
    common = ("run", "--rm", "--network", "none")
    done = entrepot(*common, IMAGE, "sh", "-c", "cat /proc/self/cgroup; mkdir /sys/fs/cgroup/leaf")
    yield "private", [done.out.strip(), done.code, "Read-only" in done.err]
    shared = ("--cgroupns", "host", "--cgroup-parent", "/own/parent", "--memory", "32m")
    yield "host", said(*common, *shared, IMAGE, "cat", "/proc/self/cgroup").rpartition("/")[0]
    group = run("--name", "split", "--privileged", IMAGE, "sh", "-c", f"{SPLIT}; exec sleep 1000")
    groups.wait(lambda: "pids" in groups.read(group, ["cgroup.subtree_control"])["cgroup.subtree_control"])
    yield "split", said("exec", "split", "cat", "/proc/self/cgroup")
    said("rm", "--force", "split")
