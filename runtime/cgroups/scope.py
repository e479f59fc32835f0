"""A group that systemd makes and knows: a scope, as the specification's cgroupsPath "slice:prefix:name" asks for it.

systemd is told the limits too, because it writes those it knows whenever it is reloaded. A scope is there as long as
there is a process in it: one that waits keeps the place until the container's first one is born.
"""

from __future__ import annotations

import os
import time

from runtime.cgroups import tree
from runtime.cgroups.bus import Bus, Refused
from runtime.cgroups.errors import CgroupError
from runtime.cgroups.scope_properties import PERIOD, properties
from runtime.cgroups.v2 import Group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ENDING = ".scope"
_MARK = "trusted.delegate"  # which systemd gives to groups that it leaves to others
_NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
_SECONDS = 10.0


def place(cgroups_path: str) -> str:
    """The path, below the root of the hierarchy, of a scope that is written "slice:prefix:name". Raise CgroupError."""
    slice_name, prefix, name = cgroups_path.split(":")
    slice_name = slice_name or "system.slice"
    stem = slice_name.removesuffix(".slice")
    if stem == slice_name or "/" in slice_name or (stem != "-" and "" in stem.split("-")):
        raise CgroupError(f"cgroupsPath {cgroups_path!r} does not begin with the name of a slice")
    unit = f"{prefix}-{name}{ENDING}" if prefix else f"{name}{ENDING}"
    parts = [] if stem == "-" else stem.split("-")
    slices = ["-".join(parts[: count + 1]) + ".slice" for count in range(len(parts))]
    return "".join(f"/{each}" for each in (*slices, unit))


class Scope(Group):
    """A scope; `path` is its place in the hierarchy."""

    def __init__(self, mountpoint: str, path: str) -> None:
        super().__init__(mountpoint, path)
        self._path = path
        self._waiting = (0, -1)

    def create(self) -> None:
        """See Cgroup."""
        gate, held = os.pipe2(os.O_CLOEXEC)
        waiting = os.fork()
        if not waiting:
            os.close(held)
            os.read(gate, 1)
            os._exit(0)
        os.close(gate)
        self._waiting = (waiting, held)
        try:
            self._start(waiting)
            super().create()
        except BaseException:
            self._let_go()
            raise

    def _start(self, process: int) -> None:
        *_, slice_name, unit = ["-.slice", *self._path.strip("/").split("/")]
        _manage(
            "StartTransientUnit",
            "ssa(sv)a(sa(sv))",
            unit,
            "fail",
            [
                ("Description", ("s", f"container {unit.removesuffix(ENDING)}")),
                ("Slice", ("s", slice_name)),
                ("PIDs", ("au", [process])),
                ("Delegate", ("b", True)),
                ("DefaultDependencies", ("b", False)),
                ("CollectMode", ("s", "inactive-or-failed")),
                *((f"{each}Accounting", ("b", True)) for each in ("CPU", "IO", "Memory", "Tasks")),
            ],
            [],
        )
        end = time.monotonic() + _SECONDS
        while not tree.read(f"/proc/{process}", "cgroup").endswith(f"::{self._path}"):
            if time.monotonic() > end:
                raise CgroupError(f"systemd has not started {unit}")
            time.sleep(0.001)

    def apply(self, resources: dict[str, Any]) -> None:
        """See Cgroup. The first time the container's first process is there, and needs no other to keep its place."""
        self._let_go()
        _, _, period = tree.read(self.paths()[""], "cpu.max").partition(" ")
        wanted = properties(self.files(resources), int(period or PERIOD))
        if wanted:
            self._manage_this("SetUnitProperties", "ba(sv)", True, wanted)
        super().apply(resources)

    def remove(self) -> None:
        """See Cgroup. systemd would go on believing in a scope whose group is gone."""
        self._manage_this("StopUnit", "s", "replace")
        super().remove()

    def _manage_this(self, member: str, signature: str, *values: object) -> None:
        """Have something done to the scope, if systemd has one here: it may be over, or the group only be called so."""
        try:
            os.getxattr(self.paths()[""], _MARK)
        except OSError:
            return
        try:
            _manage(member, f"s{signature}", os.path.basename(self._path), *values)
        except Refused as error:
            if error.name != _NO_SUCH_UNIT:
                raise

    def _let_go(self) -> None:
        waiting, held = self._waiting
        if waiting:
            self._waiting = (0, -1)
            # Told by a byte: what was forked meanwhile has the pipe too, so that its end would not come.
            os.write(held, b"0")
            os.close(held)
            os.waitpid(waiting, 0)


def _manage(member: str, signature: str, *values: object) -> None:
    try:
        bus = Bus()
    except (FileNotFoundError, ConnectionRefusedError):
        raise CgroupError("cgroupsPath is systemd's, and systemd does not run here; use /a/path") from None
    try:
        bus.call(member, signature, *values)
    finally:
        bus.close()
