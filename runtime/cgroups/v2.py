"""Version 2: one directory for all controllers."""

from __future__ import annotations

import errno
import os
import time

from runtime.cgroups import tree
from runtime.cgroups.device_filter import attach, program
from runtime.cgroups.errors import CgroupError
from runtime.cgroups.v2_limits import limits
from runtime.cgroups.v2_statistics import statistics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FREEZE_SECONDS = 1.0


class Group:
    """A container's group; `mountpoint` is where the hierarchy is mounted, `path` begins with a slash."""

    def __init__(self, mountpoint: str, path: str) -> None:
        self._mountpoint = mountpoint
        self._directory = mountpoint + path

    def create(self) -> None:
        """See Cgroup."""
        tree.make(self._directory)
        names = self._directory[len(self._mountpoint) :].strip("/").split("/")
        above = self._mountpoint
        for name in names:
            _enable(above)
            above = f"{above}/{name}"

    def add(self, pid: int) -> None:
        """See Cgroup."""
        tree.write(self._directory, "cgroup.procs", pid)

    def birthplace(self) -> str:
        """See Cgroup."""
        return self._directory

    def join(self, *, born: bool) -> None:
        """See Cgroup."""
        if not born:
            self.add(0)

    def joined(self, pid: int) -> Group:
        """See Cgroup."""
        path = self._directory.removeprefix(self._mountpoint)
        if tree.read(self._directory, "cgroup.subtree_control"):
            there = tree.read(f"/proc/{pid}", "cgroup").removeprefix("0::")
            if there.startswith(f"{path}/"):
                return Group(self._mountpoint, there)
        return self

    def apply(self, resources: dict[str, Any]) -> None:
        """See Cgroup."""
        for name, value in self.files(resources):
            try:
                tree.write(self._directory, name, value)
            except FileNotFoundError:
                if name == "memory.swap.max" and value in ("max", 0):
                    continue  # a kernel without swap
                controller = name.partition(".")[0]
                raise CgroupError(f"cannot set {name}: the {controller} controller is not enabled here") from None

    def files(self, resources: dict[str, Any]) -> list[tuple[str, object]]:
        """What `apply` writes: files and values, in order. Raise CgroupError."""
        return list(limits(resources, lambda name: tree.read(self._directory, name)))

    def _has(self, name: str) -> bool:
        return os.path.exists(f"{self._directory}/{name}")

    def allow_devices(self, rules: list[dict[str, Any]]) -> None:
        """See Cgroup."""
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            attach(directory, program(rules))
        finally:
            os.close(directory)

    def freeze(self, frozen: bool) -> None:
        """See Cgroup."""
        tree.write(self._directory, "cgroup.freeze", int(frozen))
        end = time.monotonic() + _FREEZE_SECONDS
        while tree.table(self._directory, "cgroup.events").get("frozen", 0) != int(frozen):
            if time.monotonic() > end:
                tree.write(self._directory, "cgroup.freeze", 0)
                raise CgroupError("cannot pause: the group does not freeze")
            time.sleep(0.001)

    def frozen(self) -> bool:
        """See Cgroup."""
        return tree.read(self._directory, "cgroup.freeze") == "1"

    def pids(self) -> list[int]:
        """See Cgroup."""
        return tree.processes(self._directory)

    def kill(self) -> None:
        """See Cgroup."""
        if self._has("cgroup.kill"):  # since Linux 5.14
            tree.write(self._directory, "cgroup.kill", 1)
        tree.kill(self._directory)

    def statistics(self) -> dict[str, Any]:
        """See Cgroup."""
        return statistics(self._directory)

    def oom_kills(self) -> int:
        """See Cgroup."""
        return tree.table(self._directory, "memory.events").get("oom_kill", 0)

    def remove(self) -> None:
        """See Cgroup."""
        tree.remove(self._directory)

    def paths(self) -> dict[str, str]:
        """See Cgroup."""
        return {"": self._directory}


def _enable(directory: str) -> None:
    """Hand every controller a group has to the groups below it; one by one, because a refusal refuses all."""
    wanted = set(tree.read(directory, "cgroup.controllers").split())
    wanted -= set(tree.read(directory, "cgroup.subtree_control").split())
    for controller in sorted(wanted):
        try:
            tree.write(directory, "cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            if error.errno not in (
                errno.EBUSY,
                errno.EACCES,
                errno.EPERM,
                errno.EINVAL,
                errno.ENOENT,
                errno.EOPNOTSUPP,
            ):
                raise
