"""State: what is remembered of a container, and which of the specification's states it is in.

    creating -> created -> running <-> paused -> stopped

Nothing here is believed for long: the status is found anew from the process, the fifo and the freezer.
"""

from __future__ import annotations

import os
import time

from runtime.cgroups.hierarchies import group_at
from runtime.executor import documents
from runtime.executor.errors import NoSuchContainer
from runtime.executor.paths import Paths, replace
from runtime.executor.version import SPEC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.cgroups.cgroup import Cgroup


class State:
    """One container's state as it is stored."""

    def __init__(self, paths: Paths, values: dict[str, Any]) -> None:
        self.paths = paths
        self.values = values

    @property
    def identity(self) -> str:
        """The container's id."""
        return str(self.values["id"])

    @property
    def pid(self) -> int:
        """The host's number of the container's first process; 0 before there is one."""
        return int(self.values["pid"])

    @property
    def bundle(self) -> str:
        """The bundle's directory."""
        return str(self.values["bundle"])

    def cgroup(self) -> Cgroup | None:
        """The container's control group; None for a container without."""
        recorded = self.values["cgroup_paths"]
        return group_at(recorded) if recorded else None

    def alive(self) -> bool:
        """Whether the first process is there: the same one, and not a zombie."""
        return self.pid > 0 and started(self.pid) == self.values["started"]

    def status(self) -> str:
        """One of creating, created, running, paused, stopped."""
        if not self.values["pid"]:
            return "creating" if started(int(self.values["creator"])) else "stopped"
        if not self.alive():
            return "stopped"
        group = self.cgroup()
        if group is not None and group.frozen():
            return "paused"
        return "created" if os.path.exists(self.paths.fifo) else "running"

    def save(self) -> None:
        """Store it."""
        replace(self.paths.state, documents.compact(self.values))

    def config(self) -> dict[str, Any]:
        """The specification the container was made from."""
        return documents.read(self.paths.config)

    def document(self, status: str, pid: int | None = None) -> dict[str, Any]:
        """The specification's state, as hooks read it and `state` prints it."""
        found = {
            "ociVersion": SPEC,
            "id": self.identity,
            "status": status,
            "pid": 0 if status == "stopped" else self.pid if pid is None else pid,
            "bundle": self.bundle,
        }
        if self.values["annotations"]:
            found["annotations"] = self.values["annotations"]
        return found


def load(root: str, identity: str) -> State:
    """The state of a container. Raise NoSuchContainer."""
    paths = Paths(root, identity)
    try:
        values = documents.read(paths.state)
    except FileNotFoundError:
        raise NoSuchContainer from None
    return State(paths, values)


def started(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 if it is gone or a zombie."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fields = os.read(descriptor, 4096).rpartition(b")")[2].split()
    except ProcessLookupError:
        return 0
    finally:
        os.close(descriptor)
    return 0 if not fields or fields[0] in (b"Z", b"X") else int(fields[19])


def now() -> str:
    """The time as RFC 3339 has it, in UTC."""
    seconds = time.time()
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{clock}.{int(seconds % 1 * 1e9):09d}Z"
