"""delete: remove what a stopped container holds; with --force, one that runs as well."""

from __future__ import annotations

import os
import time

from runtime.executor.arguments import SWITCH
from runtime.executor.ending import destroy, remove_directory
from runtime.executor.errors import ExecutorError, NoSuchContainer
from runtime.executor.paths import Paths
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call
    from runtime.executor.state import State

FLAGS = {"force": SWITCH}
SHORT = {"f": "force"}
STOP = None
_SIGKILL = 9
_WAIT_SECONDS = 10.0


def run(call: Call) -> int:
    """Remove it. Raise ExecutorError if it runs and is not to be killed."""
    identity, force = call.given.only_id("delete"), call.given.has("force")
    try:
        state = load(call.root, identity)
    except NoSuchContainer:
        if not force:
            raise
        remove_directory(Paths(call.root, identity).directory)  # what a create that was killed has left
        return 0
    status = state.status()
    if status not in ("stopped", "created") and not force:
        raise ExecutorError(f"cannot delete container {identity} that is not stopped: {status}")
    if status != "stopped":
        _end(state)
    destroy(state, call.log)
    return 0


def _end(state: State) -> None:
    """Kill the first process and wait until it is gone; with it go all that share its PID namespace."""
    group = state.cgroup()
    end = time.monotonic() + _WAIT_SECONDS
    try:
        os.kill(state.pid, _SIGKILL)
    except ProcessLookupError:
        return
    if group is not None and group.frozen():
        group.freeze(False)
    while state.alive():
        if time.monotonic() > end:
            raise ExecutorError("container init still running")
        time.sleep(0.002)
