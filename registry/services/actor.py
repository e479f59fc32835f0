"""On whose behalf a use-case runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`principal` owns what it starts; `client` is the peer's address, for bounds; `request_id` ends up in events."""

    principal: str
    client: str
    request_id: str


SYSTEM = Actor("system", "", "")
"""Jobs."""
