"""Both drivers, and places to mount their snapshots on, which are unmounted one by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.snapshots.drivers import load
from runtime.snapshots.snapshots import Snapshots

Mounted = Callable[[str], Path]


@pytest.fixture(params=["overlay", "copying"])
def snapshots(request: pytest.FixtureRequest, tmp_path: Path) -> Snapshots:
    return load(request.param, str(tmp_path / "snapshots"))


@pytest.fixture
def mounted(snapshots: Snapshots, tmp_path: Path) -> Iterator[Mounted]:
    """Mount the active snapshot of a key, or make one over a chain; the folder."""
    targets: list[Path] = []
    numbers = itertools.count()

    def mount(name: str) -> Path:
        key = name
        if ":" in name:
            key = f"view-{next(numbers)}"
            snapshots.prepare(key, name)
        target = tmp_path / f"mounted-{len(targets)}"
        target.mkdir()
        snapshots.mount(key, str(target))
        targets.append(target)
        return target

    yield mount
    for target in targets:
        snapshots.unmount(str(target))
