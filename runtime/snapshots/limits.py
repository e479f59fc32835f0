"""How much a layer may be: bounds against bombs. Larger images need larger limits."""

from __future__ import annotations

from typing import NamedTuple

_MIB = 1 << 20
_GIB = 1 << 30


class Limits(NamedTuple):
    """The defaults are far above what images are, and below what harms a host."""

    size: int = 256 * _GIB
    """Bytes of the uncompressed stream, and of all files with their holes."""
    ratio: int = 250
    """Uncompressed bytes for each compressed one, once there are more than `ratio_from`."""
    ratio_from: int = _GIB
    entries: int = 5_000_000
    """Headers in the tar, and folders that they imply."""
    name: int = 4095
    """Bytes of a path, of a link's target: what the kernel takes."""
    extended: int = _MIB
    """Bytes of one extended header, with all its attributes."""
    extents: int = 100_000
    """Pieces of data in a sparse file."""


DEFAULT = Limits()
