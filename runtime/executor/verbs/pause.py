"""pause: stop all processes of a container."""

from __future__ import annotations

from runtime.executor.errors import ExecutorError, NotRunning
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS: dict[str, str] = {}
SHORT: dict[str, str] = {}
STOP = None


def run(call: Call) -> int:
    """Stop them. Raise NotRunning."""
    freeze(call, "pause", ("running", "created"), frozen=True)
    return 0


def freeze(call: Call, verb: str, states: tuple[str, ...], *, frozen: bool) -> None:
    """Stop a container that is in one of the states, or let it go on. Raise NotRunning, ExecutorError."""
    state = load(call.root, call.given.only_id(verb))
    status = state.status()
    if status not in states:
        raise NotRunning(f"container not {'running' if frozen else 'paused'}")
    group = state.cgroup()
    if group is None:
        raise ExecutorError(f"cannot {verb} a container without a control group")
    group.freeze(frozen)
