"""resume: let the processes of a paused container go on."""

from __future__ import annotations

from runtime.executor.verbs.pause import freeze

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS: dict[str, str] = {}
SHORT: dict[str, str] = {}
STOP = None


def run(call: Call) -> int:
    """Let them go on. Raise NotRunning."""
    freeze(call, "resume", ("paused",), frozen=False)
    return 0
