"""One more process by our own OCI runtime, whose code is called in a fork of this process, as its program would.

Only for a process with one thread. The state it reads, what it refuses and what it says are the program's own.
"""

from __future__ import annotations

import os

from runtime.engine.errors import StartFailed
from runtime.executor import addition
from runtime.executor.errors import ExecutorError, describe
from runtime.executor.loading import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runtime.engine.paths import Of, Paths


def start(
    paths: Paths, of: Of, _program: Sequence[str], process: dict[str, Any], streams: Mapping[int, int]
) -> tuple[int, int]:
    """Its pid, and the master of its terminal or -1. Raises StartFailed."""
    ours = theirs = None
    try:
        state = addition.running(paths.oci, of.id)
        if process["terminal"]:
            sockets = module("sockets")
            ours, theirs = sockets.pair()
        plan = addition.prepared(state, state.config(), process, theirs)
        pid = addition.start(plan, streams)
        for descriptor in (plan.proc, plan.init, plan.stub, plan.gate):
            os.close(descriptor)
        return pid, sockets.receive(ours) if ours is not None else -1
    except (ExecutorError, OSError) as error:
        message = f"entrepot-oci exec failed: {describe(error)}"
        # Loaded when it is needed: what calls other runtimes.
        code = __import__("runtime.engine.monitor.oci", fromlist=["_"]).code_for(message)
        raise StartFailed(f"OCI runtime exec failed: {message}", code) from None
    finally:
        for each in (ours, theirs):
            if each is not None:
                each.close()
