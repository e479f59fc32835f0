"""events: print the statistics of a container, once or again and again, and its kills for want of memory."""

from __future__ import annotations

import os
import time

from runtime.executor.arguments import SWITCH, VALUE
from runtime.executor.documents import compact
from runtime.executor.errors import ExecutorError, NotRunning, UsageError
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.program import Call

FLAGS = {"stats": SWITCH, "interval": VALUE}
SHORT: dict[str, str] = {}
STOP = None
_LOOK_SECONDS = 0.1


def run(call: Call) -> int:
    """Print a line of JSON each time, and at once for each kill for want of memory. Raise NotRunning at first only."""
    state = load(call.root, call.given.only_id("events"))
    if state.status() == "stopped":
        raise NotRunning(f"container with id {state.identity} is not running")
    group = state.cgroup()
    if group is None:
        raise ExecutorError("a container without a control group has no statistics")
    pause = seconds(call.given.text("interval", "5s"))
    killed = group.oom_kills()
    while True:
        _print({"type": "stats", "id": state.identity, "data": group.statistics()})
        if call.given.has("stats"):
            return 0
        end = time.monotonic() + pause
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
            now = group.oom_kills()
            for _ in range(now - killed):
                _print({"type": "oom", "id": state.identity})
            killed = now
            if not state.alive():
                return 0


def _print(line: dict[str, Any]) -> None:
    os.write(1, (compact(line) + "\n").encode())


def seconds(text: str) -> float:
    """A time such as 5s, 200ms or 1m. Raise UsageError."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0)):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdigit() and float(number) > 0:
            return float(number) * factor
    raise UsageError(f"invalid interval {text!r}, use 5s, 200ms or 1m")
