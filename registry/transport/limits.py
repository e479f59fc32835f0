"""What a connection may cost: bounds on heads, bodies and time. Knows nothing of the registry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, rates in bytes per second."""

    header_size: int = 32 * 1024
    header_count: int = 100
    request_line: int = 8 * 1024
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    body_rate: int = 1024
    keep_alive: float = 75.0
    connections: int = 4096
