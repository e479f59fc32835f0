"""Waiting for the last acts of monitors: a process that finishes a container may come after the container is gone."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE = 15.0


def quiet(folder: Path) -> None:
    """Wait until no process has a folder in its command line."""
    end = time.monotonic() + PATIENCE
    while left := [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in _read(path)]:
        assert time.monotonic() < end, [_read(path) for path in left]
        time.sleep(0.05)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
