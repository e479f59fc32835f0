"""The processes of a container as the host's ps lists them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence

from runtime.engine import groups
from runtime.engine.errors import EngineError
from runtime.engine.machine import Machine

_PATIENCE = 30


def top(machine: Machine, id: str, options: Sequence[str]) -> list[list[str]]:
    """A heading and a row for each process; `options` are ps's. Raises WrongState, EngineError."""
    group = groups.of(machine, id)
    pids = set(map(str, group.pids() if groups.has_own(machine, id) else _of_namespace(machine.store.state(id).pid)))
    try:
        done = subprocess.run(["ps", *options], capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise EngineError("the program ps is not there, install procps") from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode or not lines:
        told = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise EngineError(f"ps: {told[:300]}")
    heading = lines[0].split()
    if "PID" not in heading:
        raise EngineError("couldn't find PID field in ps output, add it to the options")
    place, last = heading.index("PID"), len(heading) - 1
    rows = [line.split(None, last) for line in lines[1:]]
    return [heading, *(row for row in rows if len(row) > place and row[place] in pids)]


def _of_namespace(first: int) -> list[int]:
    """Those in the PID namespace of a container's first process: all that is its own where it has no control group."""
    wanted = os.readlink(f"/proc/{first}/ns/pid")
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):  # it is gone, or of another user
                if os.readlink(f"/proc/{name}/ns/pid") == wanted:
                    found.append(int(name))
    return found
