"""A monitor that is there and does nothing yet: it comes up while its container is made ready."""

from __future__ import annotations

import os

from runtime.engine import frames
from runtime.engine.connection import Connection


class Waiting:
    """One of them; `pid` is the process to wait for until it has left us, 0 if there is none."""

    def __init__(self, connection: Connection, pid: int = 0) -> None:
        self._connection = connection
        self._pid = pid

    def go(self, plan: str) -> Connection:
        """Have it read its plan, which is written by now; the connection is there before the container runs."""
        self._connection.send(frames.GO, os.fsencode(plan))
        self._reap()
        return self._connection

    def cancel(self) -> None:
        """Have it end; it has touched nothing."""
        self._connection.close()
        self._reap()

    def _reap(self) -> None:
        if self._pid:
            os.waitpid(self._pid, 0)
