"""The life of a container as a table. The monitor imports this file, so it imports nothing that is large.

Rules:
 1. A container is written down as created before anything of it exists, and its folder goes last of all.
 2. While a container is running, paused or restarting, one monitor lives for it and holds its lock, and no other
    writes its state. Whoever finds one of these states and the lock free finds a monitor that died: that is `lost`.
 3. Whoever starts or removes a container, or brings it in order again, holds the container's own lock meanwhile.
 4. A start that fails leaves the state as it was, with the error and an exit code (126 not executable, 127 not found,
    128 anything else) told in it.
 5. Removing is said before anything is taken away; a removal that failed is dead, and can only be removed again.
"""

from __future__ import annotations

CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
RESTARTING = "restarting"
EXITED = "exited"
REMOVING = "removing"
DEAD = "dead"

ALIVE = (RUNNING, PAUSED, RESTARTING)
"""The states in which a monitor lives."""

MOVES = {
    (CREATED, "start"): RUNNING,
    (CREATED, "remove"): REMOVING,
    (RUNNING, "pause"): PAUSED,
    (RUNNING, "exit"): EXITED,
    (RUNNING, "await restart"): RESTARTING,
    (RUNNING, "lost"): EXITED,
    (PAUSED, "unpause"): RUNNING,
    (PAUSED, "exit"): EXITED,
    (PAUSED, "await restart"): RESTARTING,
    (PAUSED, "lost"): EXITED,
    (RESTARTING, "start"): RUNNING,
    (RESTARTING, "exit"): EXITED,
    (RESTARTING, "lost"): EXITED,
    (EXITED, "start"): RUNNING,
    (EXITED, "remove"): REMOVING,
    (REMOVING, "remove"): REMOVING,
    (REMOVING, "fail"): DEAD,
    (DEAD, "remove"): REMOVING,
}


class Illegal(Exception):
    """A container in this state cannot make this move."""

    def __init__(self, status: str, event: str) -> None:
        super().__init__(f"cannot {event} a container that is {status}")
        self.status = status
        self.event = event


def move(status: str, event: str) -> str:
    """The state that follows. Raises Illegal."""
    try:
        return MOVES[status, event]
    except KeyError:
        raise Illegal(status, event) from None
