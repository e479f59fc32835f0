"""Descriptors pumped into each other while a process lives: what is typed goes in, what it writes comes out."""

from __future__ import annotations

import os
import select
import time

from runtime.engine.keys import Keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PIECE = 32 * 1024
LINGER_SECONDS = 0.5
"""Seconds for which output is awaited that others hold open when the process has ended."""


class Pump:
    """`outputs` are descriptors to read and where each goes; `source` is read (-1: nothing) and goes to `sink`."""

    def __init__(
        self,
        outputs: Mapping[int, int],
        *,
        source: int = -1,
        sink: int = -1,
        keys: bytes = b"",
        woken: int = -1,
        on_wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.detached = False
        """The keys were typed."""
        self._outputs = dict(outputs)
        self._source = source
        self._sink = sink
        self._shared = sink in self._outputs
        self._keys = Keys(keys)
        self._woken = woken
        self._on_wake = on_wake
        self._queue = bytearray()
        self._over = False
        for fd in {*outputs, sink} - {-1}:
            os.set_blocking(fd, False)

    def run(self, ended: int) -> None:
        """Pump until the process behind this pidfd has ended and its output is out, or the keys were typed.

        Raises BrokenPipeError when an output is closed.
        """
        deadline = 0.0
        while not self.detached:
            patience = None if not deadline else max(0, int((deadline - time.monotonic()) * 1000))
            ready = dict(self._poll(-1 if deadline else ended).poll(patience))
            if ended in ready and not deadline:
                deadline = time.monotonic() + LINGER_SECONDS
            if self._woken in ready:
                self._on_wake()
            if self._source in ready:
                self._read()
            if ready.get(self._sink, 0) & (select.POLLOUT | select.POLLERR):
                self._write()
            for fd in [fd for fd in self._outputs if ready.get(fd, 0) & ~select.POLLOUT]:
                self._copy(fd)
            if deadline and (not self._outputs or time.monotonic() >= deadline):
                return

    def _poll(self, ended: int) -> select.poll:
        poll = select.poll()
        for fd in self._outputs:
            poll.register(fd, select.POLLIN)
        if self._queue and self._sink >= 0:
            poll.register(self._sink, select.POLLOUT | (select.POLLIN if self._sink in self._outputs else 0))
        elif self._source >= 0:
            poll.register(self._source, select.POLLIN)
        for fd in (ended, self._woken):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        return poll

    def _read(self) -> None:
        try:
            data = os.read(self._source, PIECE)
        except OSError:
            data = b""
        if not data:
            self._source, self._over = -1, True
        passed, self.detached = self._keys.take(data)
        self._queue += passed
        self._write()

    def _write(self) -> None:
        try:
            while self._queue:
                del self._queue[: os.write(self._sink, self._queue)]
        except BlockingIOError:
            return
        except OSError:
            self._queue.clear()
            self._source, self._over = -1, True
        if self._over and self._sink >= 0 and not self._shared:
            os.close(self._sink)
            self._sink = -1

    def _copy(self, fd: int) -> None:
        try:
            data = os.read(fd, PIECE)
        except BlockingIOError:
            return
        except OSError:  # a terminal that no process has open
            data = b""
        if not data:
            del self._outputs[fd]
        to = self._outputs.get(fd, -1)
        while data and to >= 0:
            data = data[os.write(to, data) :]
