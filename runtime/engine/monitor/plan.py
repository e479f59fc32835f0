"""What a monitor is told: plan.json, written by the engine before each start."""

from __future__ import annotations

import json
from typing import Any


class Plan:
    """The words of the plan. Times in seconds."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.id: str = said["id"]
        self.root: str = said["root"]
        self.run: str = said["run"]
        self.runtime: list[str] = said["runtime"]
        """The OCI runtime's program and what always stands behind it."""
        self.ours: bool = bool(said.get("ours"))
        """It is the one that was installed with this program."""
        self.tty: bool = said["tty"]
        self.stdin: bool = said["stdin"]
        self.stdin_once: bool = said["stdin_once"]
        self.size: list[int] | None = said.get("size")
        """Rows and columns of the terminal at first."""
        self.log: dict[str, int] | None = said["log"]
        """max_size in bytes and max_file; None: no log is kept."""
        self.restart: dict[str, Any] = said["restart"]
        """name and maximum."""
        self.stop_signal: int = said["stop_signal"]
        self.stop_timeout: float = said["stop_timeout"]
        self.health: dict[str, Any] | None = said["health"]
        """process (of the spec), interval, timeout, start_period, start_interval, retries."""
        self.attributes: dict[str, str] = said["attributes"]
        """What events tell of the container."""
        self.ports: list[tuple[str, int, str]] = [tuple(each) for each in said.get("ports") or ()]
        """The host's that lead to it: address, number, protocol."""
        self.finish: list[str] = said["finish"]
        """The program that finishes the container when no other process does."""


def read(path: str) -> Plan:
    """The plan in a file. Raises OSError, ValueError and KeyError."""
    with open(path, encoding="utf-8") as file:
        return Plan(json.load(file))
