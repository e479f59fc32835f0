"""Where a container is in its life, as it stands in state.json. The monitor imports this file.

The file is replaced as a whole, so that a reader sees one state or the next. Who may write it: see `lifecycle`.
"""

from __future__ import annotations

import os

from runtime.engine import lifecycle
from runtime.engine.clock import NEVER
from runtime.executor import documents
from runtime.executor.errors import ExecutorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class State:
    """All that changes while a container lives."""

    __slots__ = (
        "boot",
        "error",
        "exit_code",
        "finished_at",
        "health",
        "oom_killed",
        "pid",
        "restarts",
        "started_at",
        "status",
        "stopped",
    )

    def __init__(self) -> None:
        self.status = lifecycle.CREATED
        self.pid = 0
        self.exit_code = 0
        self.error = ""
        self.oom_killed = False
        self.started_at = NEVER
        self.finished_at = NEVER
        self.restarts = 0
        self.stopped = False
        """It was stopped by a command, so that nothing starts it again but a command (and `always` at boot)."""
        self.boot = ""
        """The boot in which it was started."""
        self.health: dict[str, Any] | None = None
        """Status, FailingStreak and Log as docker's inspect has them; None without a health check."""

    def move(self, event: str) -> None:
        """Take the move of the table. Raises lifecycle.Illegal."""
        self.status = lifecycle.move(self.status, event)


def read(path: str) -> State:
    """The state in a file. Raises OSError and ValueError."""
    try:
        said = documents.read(path)
    except ExecutorError as error:
        raise ValueError(f"{path} is not a state: {error}") from None
    state = State()
    for name in State.__slots__:
        if name in said:
            setattr(state, name, said[name])
    return state


def write(path: str, state: State) -> None:
    """Replace the state in a file. Raises OSError."""
    said = {name: getattr(state, name) for name in State.__slots__}
    replace(path, documents.compact(said).encode())


def replace(path: str, content: bytes) -> None:
    """Have a file hold this, or what it held before; never half of it. Raises OSError."""
    part = f"{path}.{os.getpid()}"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)
    os.rename(part, path)


def boot_id() -> str:
    """The name of this boot of the kernel."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
