"""Times as docker writes them: RFC 3339 in UTC with nanoseconds. The monitor imports this file."""

from __future__ import annotations

import time

NEVER = "0001-01-01T00:00:00Z"


def now() -> str:
    """The time of day."""
    return told(time.time_ns())


def told(ns: int) -> str:
    """Nanoseconds since the epoch, written."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
