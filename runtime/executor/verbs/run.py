"""run: make a container, let its program go, and stay with it until it ends, unless it is to be detached."""

from __future__ import annotations

from runtime.executor.arguments import SWITCH
from runtime.executor.ending import destroy
from runtime.executor.foreground import Foreground, check_console
from runtime.executor.hooks import run_hooks
from runtime.executor.loading import module
from runtime.executor.verbs import create
from runtime.syscall.processes import PR_SET_CHILD_SUBREAPER, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.creation import Creation
    from runtime.executor.program import Call
    from runtime.executor.state import State

FLAGS = create.FLAGS | {"detach": SWITCH, "no-subreaper": SWITCH, "keep": SWITCH}
SHORT = create.SHORT | {"d": "detach"}
STOP = None


def run(call: Call) -> int:
    """Run the container; the status is its program's. Raise ExecutorError."""
    creation = create.asked(call, "run")
    creation.waits = False
    detach = call.given.has("detach")
    terminal = bool((creation.config.get("process") or {}).get("terminal"))
    check_console(call, detach=detach, terminal=terminal)
    socket = call.given.text("console-socket")
    if detach:
        creation.console = module("sockets").connect(socket) if socket else None
        _start(call, creation)
        return 0
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    foreground = Foreground(terminal=terminal)
    creation.console = foreground.console
    foreground.watch()
    state = _start(call, creation)
    status = foreground.stay(state.pid)
    if not call.given.has("keep"):
        destroy(state, call.log)
    return status


def _start(call: Call, creation: Creation) -> State:
    state = creation.make()
    if "poststart" in state.values["hooks"]:
        run_hooks(creation.config, "poststart", state.document("running"), call.log)
    return state
