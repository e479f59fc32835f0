"""Whether the kernel killed something in a container's cgroup for want of memory."""

from __future__ import annotations


def counter_of(pid: int) -> str:
    """The kernel's file that counts these kills for the cgroup a process is in; empty if there is none."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return f"/sys/fs/cgroup/memory{path}/memory.oom_control"
    for line in lines:
        if line.startswith("0::"):
            return f"/sys/fs/cgroup{line[3:]}/memory.events"
    return ""


def happened(counter: str) -> bool:
    """Whether the counter is above nought; False if it is gone."""
    try:
        with open(counter, encoding="ascii") as file:
            rows = [line.split() for line in file]
    except (OSError, ValueError):
        return False
    return any(len(row) == 2 and row[0] == "oom_kill" and row[1] != "0" for row in rows)
