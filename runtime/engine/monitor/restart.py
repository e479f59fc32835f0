"""Whether a container that ended is started again, and when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIRST = 0.1
LONGEST = 60.0
CALM_SECONDS = 10.0
"""Seconds a container must have run for the next wait to be the first one again."""


def again(policy: Mapping[str, Any], code: int, restarts: int, stopped: bool) -> bool:
    """Whether the policy starts it again after this exit code, having done so `restarts` times."""
    name = policy.get("name") or "no"
    if stopped:
        return False
    if name == "on-failure":
        maximum = int(policy.get("maximum") or 0)
        return code != 0 and (maximum == 0 or restarts < maximum)
    return name in ("always", "unless-stopped")


def wait(last: float, ran: float) -> float:
    """Seconds until the next start, after the wait before (0: none) and a run of so many seconds."""
    if last == 0 or ran >= CALM_SECONDS:
        return FIRST
    return min(last * 2, LONGEST)
