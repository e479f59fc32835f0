"""The drivers by name, each loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import cast

from storage.driver import Driver

DRIVERS = {
    "filesystem": "storage.drivers.filesystem:FilesystemDriver",
    "memory": "storage.drivers.memory:MemoryDriver",
}


def load(name: str, **settings: object) -> Driver:
    """The driver of that name, made with its settings. ValueError for a name that is not known."""
    where = DRIVERS.get(name)
    if where is None:
        raise ValueError(f"there is no storage driver {name!r}, only {', '.join(sorted(DRIVERS))}")
    module, _, cls = where.partition(":")
    return cast("Driver", getattr(importlib.import_module(module), cls)(**settings))
