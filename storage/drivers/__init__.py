"""The drivers, known by name and loaded when they are asked for."""

from __future__ import annotations

import importlib
from typing import cast

from storage.checked import translated
from storage.driver import Driver
from storage.errors import StorageError

DRIVERS = {
    "filesystem": ("storage.drivers.filesystem", "FilesystemDriver"),
    "memory": ("storage.drivers.memory", "MemoryDriver"),
    "s3": ("storage.drivers.s3", "S3Driver"),
}


EXTRAS = {"s3": "boto3"}
"""What a driver needs that an installation may lack: the package, which the extra of the driver's name brings."""


def load(name: str, **settings: object) -> Driver:
    """The driver of that name, made with its settings.

    Raises StorageError: an unknown name, a folder it cannot use, settings that cannot be, an extra that is missing.
    """
    if name not in DRIVERS:
        raise StorageError(f"storage driver {name} is not known, use one of {', '.join(sorted(DRIVERS))}")
    module, attribute = DRIVERS[name]
    try:
        make = getattr(importlib.import_module(module), attribute)
        driver: Driver = make(**settings)
    except ModuleNotFoundError as error:
        if error.name != EXTRAS.get(name):
            raise
        raise StorageError(f"storage driver {name} needs {error.name}, install entrepot[{name}]") from error
    except OSError as error:
        raise translated(error, cast(str, settings.get("path", ""))) from error
    except ValueError as error:
        raise StorageError(str(error)) from error
    return driver
