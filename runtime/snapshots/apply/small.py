"""A small file of a layer, made in one go: by the applier itself, or by one of its workers."""

from __future__ import annotations

import os

from runtime.snapshots.apply import attributes
from runtime.snapshots.apply.attributes import Attributes
from runtime.snapshots.apply.copying import NEW

SMALL = 1 << 16
"""Bytes of a file that are taken in one piece."""


def make(directory: int, base: bytes, data: bytes, wanted: Attributes, owner: tuple[int, int], name: bytes) -> None:
    """Make it in a folder. Raises FileExistsError when the name is taken, InvalidLayer, Unsupported and OSError."""
    file = os.open(base, NEW, 0o600, dir_fd=directory)
    try:
        if data:
            written = os.write(file, data)
            while written < len(data):
                written += os.write(file, data[written:])
        attributes.put_on_open(file, wanted, owner, name)
    finally:
        os.close(file)
