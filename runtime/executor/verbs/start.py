"""start: let the program of a created container go."""

from __future__ import annotations

from runtime.executor.errors import NotRunning
from runtime.executor.gate import let_go
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
    let_go(state.paths.fifo)
    if "poststart" in state.values["hooks"]:
        run_hooks(state.config(), "poststart", state.document("running"), call.log)
    return 0
