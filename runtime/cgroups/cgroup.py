"""Cgroup: the control group of one container, whichever version the host has. Read for its types only."""

from __future__ import annotations

from typing import Any, Protocol


class Cgroup(Protocol):
    """One control group; on version 1 a directory in each hierarchy, treated as one."""

    def create(self) -> None:
        """Make its directories and what stands above them; directories that are there already are used."""

    def add(self, pid: int) -> None:
        """Move a process into it. Raise OSError."""

    def birthplace(self) -> str:
        """The directory of version 2 that a process can be forked into, or nothing; `join` does the rest."""

    def join(self, *, born: bool) -> None:
        """Move the calling process, of one thread, into it; `born` if it was forked into its birthplace."""

    def joined(self, pid: int) -> Cgroup:
        """Where a process goes that joins the container of `pid`: here, or if the container has divided this group,
        which then takes no process, where `pid` is."""

    def apply(self, resources: dict[str, Any]) -> None:
        """Set every limit that the resources name. Raise CgroupError for what this host cannot limit."""

    def allow_devices(self, rules: list[dict[str, Any]]) -> None:
        """Allow exactly these devices: deny all, then the rules in order, the last one that fits decides."""

    def freeze(self, frozen: bool) -> None:
        """Stop all its processes, or let them go on; return when it is done. Raise CgroupError after a second."""

    def frozen(self) -> bool:
        """Whether its processes are stopped."""

    def pids(self) -> list[int]:
        """Its processes and those of the groups below it, as this process's PID namespace numbers them."""

    def kill(self) -> None:
        """Kill all its processes, also the frozen, and wait until none is left, two seconds at most."""

    def statistics(self) -> dict[str, Any]:
        """What it uses, as runc's `events --stats` names it: nanoseconds and bytes."""

    def oom_kills(self) -> int:
        """How many processes the kernel has killed here for want of memory; 0 where it does not count."""

    def remove(self) -> None:
        """Remove its directories, also those below; what is not there is no error. Raise OSError if it is busy."""

    def paths(self) -> dict[str, str]:
        """Its directories by controller; on version 2 one, under the empty name."""
