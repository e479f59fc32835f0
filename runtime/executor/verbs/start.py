"""start: let the program of a created container go."""

from __future__ import annotations

import errno
import os

from runtime.executor.errors import ExecutorError, NotRunning
from runtime.executor.hooks import run_hooks
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS: dict[str, str] = {}
SHORT: dict[str, str] = {}
STOP = None


def run(call: Call) -> int:
    """Start the container. Raise NotRunning if it is not in the state `created`."""
    state = load(call.root, call.given.only_id("start"))
    status = state.status()
    if status != "created":
        raise NotRunning(f"cannot start a container that has {'stopped' if status == 'stopped' else 'already started'}")
    try:
        fifo = os.open(state.paths.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.unlink(state.paths.fifo)  # of two that start it at once, one finds it gone
    except FileNotFoundError:
        raise NotRunning("cannot start a container that has already started") from None
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise NotRunning("container process is already dead") from None
        raise ExecutorError(f"{state.paths.fifo}: {os.strerror(error.errno or 0).lower()}") from None
    try:
        os.write(fifo, b"0")
    finally:
        os.close(fifo)
    if "poststart" in state.values["hooks"]:
        run_hooks(state.config(), "poststart", state.document("running"), call.log)
    return 0
