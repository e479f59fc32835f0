"""Where a container is in its life, in docker's words: Up 3 minutes (healthy)."""

from datetime import UTC, datetime
from typing import Final

from runtime.cli import units
from runtime.engine import lifecycle
from runtime.engine.state import State

_HEALTH: Final = {"healthy": " (healthy)", "unhealthy": " (unhealthy)", "starting": " (health: starting)"}


def status_of(now: State) -> str:
    """The words for a state."""
    if now.status in (lifecycle.RUNNING, lifecycle.PAUSED):
        if now.status == lifecycle.PAUSED:
            return f"Up {_since(now.started_at)} (Paused)"
        health = str((now.health or {}).get("Status", ""))
        return f"Up {_since(now.started_at)}{_HEALTH.get(health, '')}"
    if now.status == lifecycle.RESTARTING:
        return f"Restarting ({now.exit_code}) {units.ago(now.finished_at)}"
    if now.status == lifecycle.EXITED:
        return f"Exited ({now.exit_code}) {units.ago(now.finished_at)}"
    return {
        lifecycle.CREATED: "Created",
        lifecycle.REMOVING: "Removal In Progress",
        lifecycle.DEAD: "Dead",
    }.get(now.status, now.status)


def _since(text: str) -> str:
    read = units.moment(text)
    return units.duration((datetime.now(UTC) - read).total_seconds()) if read else "N/A"
