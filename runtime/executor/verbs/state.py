"""state: print the state of a container."""

from __future__ import annotations

import os

from runtime.executor.documents import pretty
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS: dict[str, str] = {}
SHORT: dict[str, str] = {}
STOP = None


def run(call: Call) -> int:
    """Print it. Raise NoSuchContainer."""
    state = load(call.root, call.given.only_id("state"))
    document = state.document(state.status())
    document |= {"rootfs": state.values["rootfs"], "created": state.values["created"], "owner": ""}
    os.write(1, (pretty(document) + "\n").encode("utf-8", "surrogateescape"))
    return 0
