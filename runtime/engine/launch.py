"""Starting a monitor."""

from __future__ import annotations

import os
import socket
import sys
from typing import Final

from runtime.engine import prefork
from runtime.engine.connection import Connection
from runtime.engine.paths import Of
from runtime.engine.waiting import Waiting

_ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BOOT: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {} import main; main()"
_MONITOR: Final = "runtime.engine.monitor.program"
_FINISH: Final = "runtime.engine.finish"
_FD: Final = 3


def finisher(*arguments: str) -> list[str]:
    """The command that finishes a container when its monitor ends and no other process does it."""
    return [sys.executable, "-I", "-c", _BOOT.format(_FINISH), _ROOT, *arguments]


def launch(of: Of) -> Waiting:
    """The monitor of a container whose run folder is there: the one that was begun ahead, or a new one.

    Raises OSError.
    """
    return prefork.take() or _spawned(of)


def _spawned(of: Of) -> Waiting:
    ours, theirs = socket.socketpair()
    with theirs:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        said = os.open(of.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            pid = os.posix_spawn(
                sys.executable,
                # Alone with the standard library: no site, no environment, nothing of the command that starts it.
                [sys.executable, "-I", "-S", "-c", _BOOT.format(_MONITOR), _ROOT, of.plan, str(_FD)],
                prefork.environment(),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null, 0),
                    (os.POSIX_SPAWN_DUP2, null, 1),
                    (os.POSIX_SPAWN_DUP2, said, 2),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), _FD),
                ],
                setsigmask=[],
            )
        finally:
            os.close(null)
            os.close(said)
    return Waiting(Connection(ours), pid)
