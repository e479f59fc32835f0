"""What the processes of a container are and what they use, as its control group tells."""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from runtime.cgroups.cgroup import Cgroup
from runtime.cgroups.hierarchies import group
from runtime.engine import lifecycle, looking
from runtime.engine.errors import WrongState
from runtime.engine.machine import Machine


class Usage(NamedTuple):
    """What a container uses at a moment. Bytes, nanoseconds of CPU, and the moment in nanoseconds."""

    moment: int
    cpu: int
    memory: int
    limit: int
    pids: int
    received: int
    sent: int
    read: int
    written: int


def of(machine: Machine, id: str) -> Cgroup:
    """The control group of a container that runs. Raises WrongState."""
    if looking.looked_at(machine, id).status not in (lifecycle.RUNNING, lifecycle.PAUSED):
        raise WrongState(f"container {id[:12]} is not running")
    with open(machine.paths.of(id).spec, "rb") as file:
        return group(json.load(file)["linux"].get("cgroupsPath", ""), id)


def has_own(machine: Machine, id: str) -> bool:
    """Whether a container that runs has a control group of its own: those of users who are not root may have none."""
    with open(f"/proc/{machine.store.state(id).pid}/cgroup", "rb") as theirs, open("/proc/self/cgroup", "rb") as ours:
        return theirs.read() != ours.read()


def usage(machine: Machine, id: str) -> Usage:
    """What it uses now. Raises WrongState."""
    told = of(machine, id).statistics()
    memory, blocks = told.get("memory", {}), told.get("blkio", {}).get("ioServiceBytesRecursive") or []
    raw, used = memory.get("raw", {}), memory.get("usage", {})
    # What could be dropped at once is no burden: docker leaves it out as well.
    idle = raw.get("total_inactive_file", raw.get("inactive_file", 0))
    received, sent = _network(machine.store.state(id).pid)
    return Usage(
        moment=time.monotonic_ns(),
        cpu=told.get("cpu", {}).get("usage", {}).get("total", 0),
        memory=max(0, used.get("usage", 0) - idle),
        limit=min(used.get("limit") or _memory(), _memory()),
        pids=told.get("pids", {}).get("current", 0),
        received=received,
        sent=sent,
        read=sum(each["value"] for each in blocks if each["op"].lower() == "read"),
        written=sum(each["value"] for each in blocks if each["op"].lower() == "write"),
    )


def _network(pid: int) -> tuple[int, int]:
    received = sent = 0
    try:
        with open(f"/proc/{pid}/net/dev", encoding="ascii") as file:
            lines = file.read().splitlines()[2:]
    except OSError:
        return 0, 0
    for line in lines:
        name, _, rest = line.partition(":")
        words = rest.split()
        if name.strip() != "lo":
            received, sent = received + int(words[0]), sent + int(words[8])
    return received, sent


def _memory() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(file.readline().split()[1]) * 1024
