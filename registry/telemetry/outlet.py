"""Lines on their way out of the process, to a reader that may not read.

A terminal that is stopped, a pager, a log driver that hangs: a write to them waits for ever, and the server with it. So
a line is written only where that does not wait. What does not go out now is kept, up to KEPT_BYTES; what comes then is
dropped and counted, and once lines flow again one of them says how many are missing. Never waits, never raises.

Whether a write waits is a property of the open file, which other processes have too, so the descriptor is opened anew
for this process where the system lets it.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

KEPT_BYTES = 4 << 20

FILE_WRITE = 1 << 20
PIPE_WRITE = select.PIPE_BUF
"""Most bytes of one write. Several processes write to the same file: so many are not torn by another's write."""

EXIT_SECONDS = 0.5
"""How long the end of the process waits for a reader."""


class _Line(NamedTuple):
    text: bytes
    lost: int
    """How many lines are missing without it: itself, or those that it tells of."""
    own: int
    """Whether it is one itself."""


class Outlet:
    """`missing` makes the line that says how many were dropped. Used by one thread at a time."""

    def __init__(self, descriptor: int, missing: Callable[[int], bytes]) -> None:
        self.descriptor = descriptor
        self.dropped = 0
        """Lines, since the start."""
        self.trouble = ""
        """What the last write failed with; empty while all is well."""
        self._missing = missing
        self._waiting: deque[_Line] = deque()
        self._size = 0
        self._unsaid = 0
        self._sending: list[_Line] = []
        self._rest = b""
        """What has not gone out of the lines in `_sending`."""
        mode = os.fstat(descriptor).st_mode
        self._longest = FILE_WRITE if stat.S_ISREG(mode) else PIPE_WRITE
        self._socket = socket.socket(fileno=os.dup(descriptor)) if stat.S_ISSOCK(mode) else None
        self._polled = -1
        self.own = -1
        """A descriptor of this process alone, which can be watched for room, or -1."""
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            with suppress(OSError):
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                self.own = os.open(f"/proc/self/fd/{descriptor}", flags)
            if self.own < 0:
                self._polled = descriptor

    def write(self, lines: list[bytes]) -> bool:
        """Take lines, without their ends; whether all has gone out."""
        for line in lines:
            if self._size + len(line) > KEPT_BYTES and self._waiting:
                self.dropped += 1
                self._unsaid += 1
            else:
                self._say()
                self._take(_Line(line, 1, 1))
        return self.flush()

    def flush(self) -> bool:
        """Write what is kept, as far as it goes; whether all has gone out."""
        try:
            while self._next():
                sent = self._send(self._rest)
                self._rest = self._rest[sent:]
                self.trouble = ""
        except BlockingIOError:
            return False
        except OSError as error:
            self._lose()
            self.trouble = error.strerror or str(error)
        return True

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not (self._rest or self._waiting)

    def finish(self) -> None:
        """Give the reader a last moment."""
        if not self.flush():
            waiting = select.poll()
            waiting.register(self.descriptor, select.POLLOUT)
            waiting.poll(EXIT_SECONDS * 1000)
            self.flush()

    def close(self) -> None:
        """Let go of what is not the caller's."""
        self.finish()
        if self._socket is not None:
            self._socket.close()
        elif self.own >= 0:
            os.close(self.own)
        self.own = -1

    def _take(self, line: _Line) -> None:
        self._waiting.append(line)
        self._size += len(line.text)

    def _say(self) -> None:
        if self._unsaid:
            self._take(_Line(self._missing(self._unsaid), self._unsaid, 0))
            self._unsaid = 0

    def _next(self) -> bool:
        """Whether there is something to send; takes as many lines as one write may have."""
        if self._rest:
            return True
        self._sending.clear()
        if not self._waiting:
            self._say()
        size = 0
        while self._waiting and (not size or size + len(self._waiting[0].text) + 1 <= self._longest):
            line = self._waiting.popleft()
            self._size -= len(line.text)
            self._sending.append(line)
            size += len(line.text) + 1
        self._rest = b"".join(line.text + b"\n" for line in self._sending)
        return bool(self._rest)

    def _lose(self) -> None:
        for line in (*self._sending, *self._waiting):
            self._unsaid += line.lost
            self.dropped += line.own
        self._sending.clear()
        self._waiting.clear()
        self._size, self._rest = 0, b""

    def _send(self, data: bytes) -> int:
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        if self.own >= 0:
            return os.write(self.own, data)
        if self._polled >= 0:
            room = select.poll()
            room.register(self._polled, select.POLLOUT)
            if not room.poll(0):
                raise BlockingIOError
            data = data[:PIPE_WRITE]
        return os.write(self.descriptor, data)
