"""The end of a container: its processes killed, its control group and state removed, its poststop hooks run."""

from __future__ import annotations

import os

from runtime.executor.errors import ExecutorError
from runtime.executor.hooks import run_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.log import Log
    from runtime.executor.state import State


def destroy(state: State, log: Log) -> None:
    """Remove a container whose first process is gone or to be killed. Raise OSError if its group stays busy."""
    group = state.cgroup()
    if group is not None:
        if group.pids():
            group.kill()
        group.remove()
    elif state.alive():
        os.kill(state.pid, 9)
    hooks = "poststop" in state.values["hooks"]
    config = state.config() if hooks else {}
    remove_directory(state.paths.directory)
    if hooks:
        run_hooks(config, "poststop", state.document("stopped"), log)


def remove_directory(directory: str) -> None:
    """Remove a state directory, which holds plain files only. Raise ExecutorError."""
    try:
        for name in os.listdir(directory):
            os.unlink(f"{directory}/{name}")
        os.rmdir(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ExecutorError(f"cannot remove {directory}: {os.strerror(error.errno or 0).lower()}") from None
