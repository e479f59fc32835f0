"""A container's streams and a process's descriptors, brought together until the container ends or they detach.

Nothing here waits for one side only: input is read when the monitor has taken the input before, so that a container
that writes much and reads little, or the other way round, stops none.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import NamedTuple

from runtime.engine import frames
from runtime.engine.connection import Connection
from runtime.engine.errors import MonitorLost
from runtime.engine.keys import Keys

PIECE = 32 * 1024


class Outcome(NamedTuple):
    """How it ended: with an exit code, or detached from a container that goes on."""

    code: int
    detached: bool = False


class Relay:
    """One attachment. `stdin` is a descriptor, -1 for none; `woken` one that is readable when `on_wake` is wanted."""

    def __init__(
        self,
        connection: Connection,
        *,
        stdin: int = -1,
        stdout: int = -1,
        stderr: int = -1,
        keys: bytes = b"",
        woken: int = -1,
        on_wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._stdin = stdin
        self._outputs = {frames.STDOUT: stdout, frames.STDERR: stderr}
        self._keys = Keys(keys)
        self._woken = woken
        self._on_wake = on_wake
        self._queue = bytearray()
        self._ended: Outcome | None = None

    def tell(self, message: bytes) -> None:
        """Send a message between the others."""
        self._queue += message
        self._flush()

    def run(self) -> Outcome:
        """Relay until the end. Raises MonitorLost; BrokenPipeError when an output is closed."""
        while self._ended is None:
            if self._connection.buffered:
                self._take()
                continue
            ready = dict(self._poll().poll())
            if self._woken in ready:
                self._on_wake()
            if self._stdin in ready:
                self._read()
            if ready.get(self._connection.fileno(), 0) & select.POLLOUT:
                self._flush()
            if ready.get(self._connection.fileno(), 0) & ~select.POLLOUT:
                self._take()
        return self._ended

    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self._connection.fileno(), select.POLLIN | (select.POLLOUT if self._queue else 0))
        if self._stdin >= 0 and not self._queue:
            poll.register(self._stdin, select.POLLIN)
        if self._woken >= 0:
            poll.register(self._woken, select.POLLIN)
        return poll

    def _read(self) -> None:
        try:
            data = os.read(self._stdin, PIECE)
        except OSError:
            data = b""
        if not data:
            self._stdin = -1
            self.tell(frames.frame(frames.STDIN_END))
            return
        passed, detach = self._keys.take(data)
        if passed:
            self.tell(frames.frame(frames.STDIN, passed))
        if detach:
            self._ended = Outcome(0, detached=True)

    def _flush(self) -> None:
        while self._queue and (sent := self._connection.send_some(self._queue)):
            del self._queue[:sent]

    def _take(self) -> None:
        for kind, payload in self._connection.receive():
            if kind in self._outputs:
                _write(self._outputs[kind], payload)
            elif kind == frames.EXITED and self._ended is None:
                self._ended = Outcome(int(frames.read(payload)["code"]))
            elif kind == frames.GONE:
                self.gone = True

    gone = False
    """Whether the monitor has said that nothing of the container is left."""

    def until_gone(self) -> None:
        """Wait until the OCI runtime holds nothing of a container that has ended."""
        while not self.gone:
            try:
                self._take()
            except MonitorLost:
                return


def _write(fd: int, data: bytes) -> None:
    while data and fd >= 0:
        data = data[os.write(fd, data) :]
