"""The drivers, known by name and loaded when they are asked for."""

from __future__ import annotations

import importlib

from storage.checked import translated
from storage.driver import Driver
from storage.errors import StorageError

DRIVERS = {
    "filesystem": ("storage.drivers.filesystem", "FilesystemDriver"),
    "memory": ("storage.drivers.memory", "MemoryDriver"),
}


def load(name: str, **settings: str) -> Driver:
    """The driver of that name, made with its settings. Raises StorageError: an unknown name, a folder it cannot use."""
    if name not in DRIVERS:
        raise StorageError(f"storage driver {name} is not known, use one of {', '.join(sorted(DRIVERS))}")
    module, attribute = DRIVERS[name]
    make = getattr(importlib.import_module(module), attribute)
    try:
        driver: Driver = make(**settings)
    except OSError as error:
        raise translated(error, settings.get("path", "")) from error
    return driver
