"""The server's log about itself, on standard error, as text for people or as JSON lines for machines.

Libraries log through the standard library too, so it all comes out in one form. A line never waits, see `outlet`.
"""

import logging
import sys
from datetime import UTC, datetime

import msgspec

from registry.telemetry.outlet import Outlet

log = logging.getLogger(__name__)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# These say on every statement or connection what metrics and the access log say better.
_CHATTY = {"uvicorn.access": logging.CRITICAL, "alembic": logging.WARNING, "sqlalchemy": logging.WARNING}

# What a client sent stays on the line it belongs to, and cannot speak to a terminal.
_ESCAPED = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))} | {10: "\\n", 13: "\\r", 9: "\\t"}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().translate(_ESCAPED)
        line = f"{_time(record)} [{record.levelname.lower():<8}] {message}  source={record.name}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "message": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": _time(record),
            "source": record.name,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class _Handler(logging.Handler):
    """Its lock, which `handle` takes, makes the outlet one thread's at a time."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.outlet = Outlet(descriptor, self._missing)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.outlet.write([self.format(record).encode("utf-8", "backslashreplace")])
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self.acquire()
        try:
            self.outlet.flush()
        finally:
            self.release()

    def close(self) -> None:
        self.outlet.finish()
        super().close()

    def _missing(self, count: int) -> bytes:
        text = "%d lines of the log are missing: standard error was not read"
        record = logging.LogRecord(__name__, logging.WARNING, "", 0, text, (count,), None)
        return self.format(record).encode()


_handler: _Handler | None = None


def configure(level: str, format: str, descriptor: int | None = None) -> None:
    """Write lines of `level` ("debug", "info", "warning", "error") and above as `format` ("text" or "json")."""
    global _handler
    threshold = _LEVELS[level]
    _handler = _Handler(sys.stderr.fileno() if descriptor is None else descriptor)
    _handler.setFormatter(_Json() if format == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [_handler]
    root.setLevel(threshold)
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(max(least, threshold))
    logging.captureWarnings(True)


def announce(text: str) -> None:
    """Say what is no message of a level: as it stands, or as one line of JSON."""
    if _handler is None or isinstance(_handler.formatter, _Json):
        log.info("%s", "; ".join(line.strip() for line in text.splitlines()))
        return
    _handler.acquire()
    try:
        _handler.outlet.write([line.encode() for line in text.splitlines()])
    finally:
        _handler.release()


def flush() -> bool:
    """Write what a stalled reader had no room for; whether all has gone out."""
    if _handler is None:
        return True
    _handler.flush()
    return _handler.outlet.is_empty


def dropped() -> int:
    """Lines that could not be written, since the start."""
    return 0 if _handler is None else _handler.outlet.dropped


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
