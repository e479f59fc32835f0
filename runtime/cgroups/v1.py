"""Version 1: a directory in the hierarchy of each controller."""

from __future__ import annotations

import errno
import os
import time

from runtime.cgroups import tree
from runtime.cgroups.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_FREEZE_SECONDS = 1.0


class Group:
    """A container's groups; `directories` by controller, co-mounted controllers share one."""

    def __init__(self, directories: dict[str, str]) -> None:
        self._directories = directories

    def create(self) -> None:
        """See Cgroup."""
        for controller, directory in self._directories.items():
            if controller == "cpuset":
                _make_cpuset(directory)
            else:
                tree.make(directory)

    def add(self, pid: int) -> None:
        """See Cgroup."""
        for directory in set(self._directories.values()):
            tree.write(directory, "cgroup.procs", pid)

    def birthplace(self) -> str:
        """See Cgroup."""
        return self._directories.get("", "")

    def join(self, *, born: bool) -> None:
        """See Cgroup.

        A single thread that moves itself by `tasks` does not make the kernel stop all forks of the host, as
        `cgroup.procs` does; with ten hierarchies that is most of the time a container takes to start.
        """
        beside = self.birthplace()
        for directory in set(self._directories.values()):
            if directory != beside:
                tree.write(directory, "tasks", 0)
        if beside and not born:
            tree.write(beside, "cgroup.procs", 0)

    def joined(self, pid: int) -> Group:
        """See Cgroup."""
        return self

    def apply(self, resources: dict[str, Any]) -> None:
        """See Cgroup."""
        if resources.get("unified"):
            raise CgroupError("unified limits need cgroup version 2, this host has version 1")
        for controller, name, value in _module("v1_limits").limits(resources, self._has):
            directory = self._directories.get(controller)
            if directory is None:
                raise CgroupError(f"cannot set {name}: the {controller} controller is not mounted on this host")
            tree.write(directory, name, value)
        memory = resources.get("memory") or {}
        if memory.get("limit") or memory.get("swap"):
            self._limit_memory(memory.get("limit") or 0, memory.get("swap") or 0)

    def _has(self, controller: str, name: str) -> bool:
        return controller in self._directories and os.path.exists(f"{self._directories[controller]}/{name}")

    def _limit_memory(self, limit: int, swap: int) -> None:
        """Set memory and memory with swap; the kernel wants the second never below the first, whichever way they go."""
        directory = self._directories.get("memory")
        if directory is None:
            raise CgroupError("cannot limit memory: the memory controller is not mounted on this host")
        names = {"memory.limit_in_bytes": limit, "memory.memsw.limit_in_bytes": swap}
        if limit == -1 and not swap:
            names["memory.memsw.limit_in_bytes"] = -1
        if not self._has("memory", "memory.memsw.limit_in_bytes"):
            if swap > 0 and swap != limit:
                raise CgroupError("cannot limit swap: this kernel does not account it (swapaccount=1)")
            del names["memory.memsw.limit_in_bytes"]
        order = list(names)
        now = tree.number(directory, "memory.memsw.limit_in_bytes")
        if swap == -1 or limit == -1 or now < max(swap, limit):
            order.reverse()
        for name in order:
            if names[name]:
                tree.write(directory, name, names[name])

    def allow_devices(self, rules: list[dict[str, Any]]) -> None:
        """See Cgroup."""
        directory = self._directories.get("devices")
        if directory is None:
            raise CgroupError("cannot restrict devices: the devices controller is not mounted on this host")
        line = _module("devices").line
        tree.write(directory, "devices.deny", "a")
        for rule in rules:
            tree.write(directory, "devices.allow" if rule.get("allow") else "devices.deny", line(rule))

    def freeze(self, frozen: bool) -> None:
        """See Cgroup."""
        directory = self._directories.get("freezer")
        if directory is None:
            raise CgroupError("cannot pause: the freezer controller is not mounted on this host")
        wanted = "FROZEN" if frozen else "THAWED"
        end = time.monotonic() + _FREEZE_SECONDS
        tree.write(directory, "freezer.state", wanted)
        while (state := tree.read(directory, "freezer.state")) != wanted:
            if time.monotonic() > end:
                tree.write(directory, "freezer.state", "THAWED")
                raise CgroupError(f"cannot pause: the freezer stays {state.lower()}")
            time.sleep(0.001)
            tree.write(directory, "freezer.state", wanted)

    def frozen(self) -> bool:
        """See Cgroup."""
        directory = self._directories.get("freezer", "")
        return tree.read(directory, "freezer.state") in ("FROZEN", "FREEZING") if directory else False

    def pids(self) -> list[int]:
        """See Cgroup."""
        return tree.processes(self._main())

    def kill(self) -> None:
        """See Cgroup."""
        thaw = (lambda: self.freeze(False)) if self.frozen() else None
        tree.kill(self._main(), thaw)

    def _main(self) -> str:
        """The hierarchy that is asked for processes."""
        for controller in ("pids", "freezer", "memory", "cpu"):
            if controller in self._directories:
                return self._directories[controller]
        return next(iter(self._directories.values()))

    def statistics(self) -> dict[str, Any]:
        """See Cgroup."""
        found: dict[str, Any] = _module("v1_statistics").statistics(self._directories)
        return found

    def oom_kills(self) -> int:
        """See Cgroup."""
        directory = self._directories.get("memory", "")
        return tree.table(directory, "memory.oom_control").get("oom_kill", 0) if directory else 0

    def remove(self) -> None:
        """See Cgroup."""
        for directory in set(self._directories.values()):
            tree.remove(directory)

    def paths(self) -> dict[str, str]:
        """See Cgroup."""
        return dict(self._directories)


def _make_cpuset(directory: str) -> None:
    """A new cpuset is empty and takes no process until it is given processors and memory nodes: its parent's."""
    parent = os.path.dirname(directory)
    if not os.path.isdir(directory):
        if not os.path.isdir(parent):
            _make_cpuset(parent)
        tree.make(directory)
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not tree.read(directory, name):
            if not tree.read(parent, name):
                _make_cpuset(parent)
            try:
                tree.write(directory, name, tree.read(parent, name))
            except OSError as error:
                if error.errno != errno.EACCES:
                    raise


def _module(name: str) -> ModuleType:
    """A module of this room that a process which only joins does not need."""
    return __import__(f"runtime.cgroups.{name}", fromlist=["_"])
