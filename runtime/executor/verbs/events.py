"""events: print the statistics of a container, once or again and again."""

from __future__ import annotations

import os
import time

from runtime.executor.arguments import SWITCH, VALUE
from runtime.executor.documents import compact
from runtime.executor.errors import ExecutorError, NotRunning, UsageError
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS = {"stats": SWITCH, "interval": VALUE}
SHORT: dict[str, str] = {}
STOP = None


def run(call: Call) -> int:
    """Print one line of JSON each time. Raise NotRunning at the beginning; a later end is a good one."""
    state = load(call.root, call.given.only_id("events"))
    if state.status() == "stopped":
        raise NotRunning(f"container with id {state.identity} is not running")
    group = state.cgroup()
    if group is None:
        raise ExecutorError("a container without a control group has no statistics")
    pause = seconds(call.given.text("interval", "5s"))
    while True:
        line = {"type": "stats", "id": state.identity, "data": group.statistics()}
        os.write(1, (compact(line) + "\n").encode())
        if call.given.has("stats"):
            return 0
        time.sleep(pause)
        if not state.alive():
            return 0


def seconds(text: str) -> float:
    """A time such as 5s, 200ms or 1m. Raise UsageError."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0)):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdigit() and float(number) > 0:
            return float(number) * factor
    raise UsageError(f"invalid interval {text!r}, use 5s, 200ms or 1m")
