"""Starting a monitor."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Final

from runtime.engine import frames
from runtime.engine.connection import Connection
from runtime.engine.paths import Of

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_BOOT: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {} import main; main()"
_MONITOR: Final = "runtime.engine.monitor.program"
_FINISH: Final = "runtime.engine.finish"
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "ENTREPOT_LOG_LEVEL")
"""What a monitor and its OCI runtime see of the environment."""
_FD: Final = 3


def finisher(*arguments: str) -> list[str]:
    """The command that finishes a container when its monitor ends and nobody else does it."""
    return [sys.executable, "-I", "-c", _BOOT.format(_FINISH), _ROOT, *arguments]


class Waiting:
    """A monitor that is there and does nothing yet: it comes up while its container is made ready."""

    def __init__(self, pid: int, connection: Connection) -> None:
        self._pid = pid
        self._connection = connection

    def go(self) -> Connection:
        """Have it read its plan, which is written by now; the connection is there before the container runs."""
        self._connection.send(frames.GO)
        os.waitpid(self._pid, 0)
        return self._connection

    def cancel(self) -> None:
        """Have it end; it has touched nothing."""
        self._connection.close()
        os.waitpid(self._pid, 0)


def launch(of: Of) -> Waiting:
    """Start the monitor of a container whose run folder is there. Raises OSError."""
    ours, theirs = socket.socketpair()
    with theirs:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        said = os.open(f"{of.run}/said", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            pid = os.posix_spawn(
                sys.executable,
                # Alone with the standard library: no site, no environment, nothing of whoever starts it.
                [sys.executable, "-I", "-S", "-c", _BOOT.format(_MONITOR), _ROOT, of.plan, str(_FD)],
                {name: value for name, value in os.environ.items() if name in _KEPT},
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
    return Waiting(pid, Connection(ours))
