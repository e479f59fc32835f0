"""The access log: one JSON line per answered request, kept in a list and written a moment later (see `flusher`).

Writing must never cost an answer, nor wait: see `outlet`.
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable
from time import gmtime, strftime

import msgspec

from registry.telemetry.outlet import Outlet

log = logging.getLogger(__name__)

_LONGEST_BUFFER = 4096


class Line(msgspec.Struct):
    """What is said about an answered request; `seconds` runs from its head to the end of the answer.

    `time` is in seconds since the epoch, and is written down as text, in UTC.
    """

    time: float | str
    request_id: str
    client: str
    principal: str
    method: str
    target: str
    route: str
    status: int
    seconds: float
    received: int
    sent: int
    agent: str


class AccessLog:
    """Keeps lines until `flush`; used from one thread. `path` empty is standard output."""

    def __init__(self, path: str = "", *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._path = path
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode
        self.wake: Callable[[], None] = _sleep_on
        """Is called with the first line after a `flush`."""
        self._second = -1
        self._prefix = ""
        self._dropped_before = 0
        self._said = ""
        self._outlet = self._open() if enabled else None
        if enabled:
            atexit.register(self.close)

    def line(self, line: Line) -> None:
        """Keep it; does nothing when switched off."""
        if not self.enabled:
            return
        now = float(line.time)
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = strftime("%Y-%m-%dT%H:%M:%S.", gmtime(second))
        line.time = f"{self._prefix}{int((now - second) * 1000):03d}Z"
        line.seconds = round(line.seconds, 6)
        self._lines.append(self._encode(line))
        count = len(self._lines)
        if count == 1:
            self.wake()
        elif count >= _LONGEST_BUFFER:
            self.flush()

    def flush(self) -> bool:
        """Write what is kept; whether all has gone out."""
        if self._outlet is None:
            return True
        lines, self._lines = self._lines, []
        whole = self._outlet.write(lines)
        if self._outlet.trouble and self._outlet.trouble != self._said:
            log.error("the access log cannot be written, its lines are dropped: %s", self._outlet.trouble.lower())
        self._said = self._outlet.trouble
        return whole

    @property
    def writable(self) -> int:
        """A descriptor of this process alone that can be watched for room, or -1."""
        return self._outlet.own if self._outlet is not None else -1

    @property
    def dropped(self) -> int:
        """Lines that could not be written, since the start."""
        return self._dropped_before + (self._outlet.dropped if self._outlet is not None else 0)

    def reopen(self) -> None:
        """Go on in a new file under the same name, after the old one was moved away; in the old one if that fails."""
        self.flush()
        if self._outlet is not None and self._path:
            old = self._outlet
            self._outlet = self._open()
            self._dropped_before += old.dropped
            old.close()
            os.close(old.descriptor)

    def close(self) -> None:
        """Write what is kept and keep no more."""
        self.flush()
        self.enabled = False
        atexit.unregister(self.close)
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.close()
            self._dropped_before += outlet.dropped
            if self._path:
                os.close(outlet.descriptor)

    def _open(self) -> Outlet:
        if not self._path:
            return Outlet(sys.stdout.fileno(), _missing)
        # Without O_NONBLOCK a named pipe that no process reads would be waited for.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        return Outlet(os.open(self._path, flags, 0o640), _missing)


def _sleep_on() -> None:
    """The caller flushes when it likes."""


def _missing(count: int) -> bytes:
    return msgspec.json.encode({"dropped_lines": count})
