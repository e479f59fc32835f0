"""Messages: to the terminal, and as a line of JSON or text in the file that --log names; the last line counts."""

from __future__ import annotations

import os

from runtime.executor.documents import compact
from runtime.executor.state import now


class Log:
    """Where messages go; without a file they go to the standard error only."""

    def __init__(self, path: str, form: str) -> None:
        self._path = path
        self._json = form == "json"

    def error(self, message: str) -> None:
        """Tell of a failure."""
        self._write("error", message)
        if self._path:
            os.write(2, f"{message}\n".encode("utf-8", "surrogateescape"))

    def warning(self, message: str) -> None:
        """Tell of something that was not as it should be and did not stop the work."""
        self._write("warning", message)

    def _write(self, level: str, message: str) -> None:
        moment = now()[:19] + "Z"
        if self._json:
            line = compact({"level": level, "msg": message, "time": moment})
        else:
            line = f'time="{moment}" level={level} msg={compact(message)}'
        encoded = (line + "\n").encode("utf-8", "surrogateescape")
        if not self._path:
            os.write(2, encoded)
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, 0o644)
        except OSError:
            return  # the caller's log is gone; the message still goes to the terminal
        try:
            os.write(descriptor, encoded)
        finally:
            os.close(descriptor)
