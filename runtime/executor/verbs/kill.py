"""kill: send a signal to a container's first process, or to all of them."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

from runtime.executor.arguments import SWITCH
from runtime.executor.errors import NotRunning, UsageError
from runtime.executor.state import load
from runtime.syscall.processes import pidfd_open, pidfd_send_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call
    from runtime.executor.state import State

FLAGS = {"all": SWITCH}
SHORT = {"a": "all"}
STOP = None


def run(call: Call) -> int:
    """Send it. Raise NotRunning, UsageError."""
    words = call.given.words
    if not 1 <= len(words) <= 2:
        raise UsageError('"kill" requires a container id and, if you like, a signal')
    signal = number(words[1] if len(words) == 2 else "TERM")
    state = load(call.root, words[0])
    status = state.status()
    if call.given.has("all"):
        _all(state, signal)
        return 0
    if status == "stopped":
        raise NotRunning("container not running")
    _one(state, signal)
    group = state.cgroup()
    if signal == _signal.SIGKILL and status == "paused" and group is not None:
        group.freeze(False)  # a frozen process does not even die
    return 0


def number(text: str) -> int:
    """The number of a signal given as 9, KILL or SIGKILL. Raise UsageError."""
    if text.isdigit():
        found = int(text)
    else:
        name = text.upper()
        name = name if name.startswith("SIG") else f"SIG{name}"
        value = getattr(_signal, name, None)
        found = value if isinstance(value, int) and not name.startswith("SIG_") else 0
    if not 0 < found < _signal.NSIG:
        raise UsageError(f"unknown signal {text!r}")
    return found


def _one(state: State, signal: int) -> None:
    try:
        process = pidfd_open(state.pid)
    except ProcessLookupError:
        raise NotRunning("container not running") from None
    try:
        if not state.alive():
            raise NotRunning("container not running")
        pidfd_send_signal(process, signal)
    except ProcessLookupError:
        raise NotRunning("container not running") from None
    finally:
        os.close(process)


def _all(state: State, signal: int) -> None:
    group = state.cgroup()
    if group is None:
        return
    if signal == _signal.SIGKILL:
        group.kill()
        return
    for pid in group.pids():
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            continue
