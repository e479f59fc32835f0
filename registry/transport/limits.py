"""What a connection may cost: bounds on heads, bodies, time and what is held. Knows nothing of the registry."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, rates in bytes per second; counts and memory are a worker's."""

    header_size: int = 32 * 1024
    header_count: int = 100
    request_line: int = 8 * 1024
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    body_rate: int = 1024
    keep_alive: float = 75.0
    connections: int = 4096
    connections_per_client: int = 1024
    memory: int = 256 << 20
    """Bytes of bodies and answers held at once."""
    trusted: tuple[Network, ...] = ()
    """Proxies, which stand for many clients."""
    reserved: frozenset[bytes] = frozenset()
    """Targets that are answered on a connection over the bounds as well."""
