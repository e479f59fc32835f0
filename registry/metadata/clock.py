"""The one clock of the metadata: whole milliseconds since the epoch."""

import time


def now_ms() -> int:
    """The time now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
