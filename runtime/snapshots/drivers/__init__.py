"""The drivers, known by name and loaded when they are asked for."""

from __future__ import annotations

import importlib
import os
from typing import cast

from runtime.snapshots.errors import SnapshotError, Unsupported
from runtime.snapshots.limits import DEFAULT, Limits
from runtime.snapshots.snapshots import Snapshots

DRIVERS = {
    "overlay": ("runtime.snapshots.drivers.overlay", "OverlaySnapshots"),
    "copying": ("runtime.snapshots.drivers.copying", "CopyingSnapshots"),
}


def load(name: str, root: str, limits: Limits = DEFAULT) -> Snapshots:
    """The driver of that name over a folder, which is made when it is not there.

    Raises SnapshotError for an unknown name, Unsupported where the driver cannot work, OSError.
    """
    if name not in DRIVERS:
        raise SnapshotError(f"snapshot driver {name} is not known, use one of {', '.join(sorted(DRIVERS))}")
    module, attribute = DRIVERS[name]
    return cast(Snapshots, getattr(importlib.import_module(module), attribute)(root, limits))


def choose(root: str, limits: Limits = DEFAULT) -> Snapshots:
    """The driver that a folder was used with before; of a new folder, overlay where it works and copying where not."""
    for name in DRIVERS:
        if os.path.isdir(f"{root}/{name}/committed"):
            return load(name, root, limits)
    try:
        return load("overlay", root, limits)
    except Unsupported:
        return load("copying", root, limits)
