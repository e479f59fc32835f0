"""The access log: one JSON line per answered request, kept in a list and written by the caller's timer.

Writing must never cost an answer: what cannot be written is counted, and said in the log when it can be written again.
"""

import atexit
import os
import stat
import sys
from time import gmtime, strftime

import msgspec

# Other workers write to the same file. One write is not torn by another's: up to PIPE_BUF bytes in a pipe, any
# amount in a file opened for appending.
_PIPE_BUF = 4096
_FILE_WRITE = 1 << 20
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
        self._second = -1
        self._prefix = ""
        self._dropped = 0
        self._fd = -1
        if enabled:
            self._open()
            atexit.register(self.flush)

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
        if len(self._lines) >= _LONGEST_BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what is kept."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        if self._dropped:
            lines.insert(0, self._encode({"dropped_lines": self._dropped}))
        written = 0
        try:
            for chunk in _chunks(lines, self._longest_write):
                _write_all(self._fd, b"\n".join(chunk) + b"\n")
                written += len(chunk)
        except OSError:
            lost = len(lines) - written - (1 if self._dropped and not written else 0)
            self._dropped = lost + (0 if written else self._dropped)
        else:
            self._dropped = 0

    def reopen(self) -> None:
        """Go on in a new file under the same name, after the old one was moved away; in the old one if that fails."""
        self.flush()
        if self.enabled and self._path:
            old = self._fd
            self._open()
            os.close(old)

    def close(self) -> None:
        """Write what is kept and keep no more."""
        self.flush()
        if self.enabled:
            self.enabled = False
            atexit.unregister(self.flush)
            if self._path:
                os.close(self._fd)

    def _open(self) -> None:
        if self._path:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        else:
            self._fd = sys.stdout.fileno()
        is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._longest_write = _FILE_WRITE if is_file else _PIPE_BUF


def _chunks(lines: list[bytes], longest: int) -> list[list[bytes]]:
    chunks: list[list[bytes]] = [[]]
    size = 0
    for line in lines:
        if chunks[-1] and size + len(line) + 1 > longest:
            chunks.append([])
            size = 0
        chunks[-1].append(line)
        size += len(line) + 1
    return chunks


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
