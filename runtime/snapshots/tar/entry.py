"""One entry of an archive, as its headers together say."""

from __future__ import annotations

from dataclasses import dataclass, field

# POSIX pax, "ustar Interchange Format", typeflag; S is GNU's for sparse files.
REGULAR, LINK, SYMLINK, CHAR, BLOCK, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
OLD_REGULAR, CONTIGUOUS, SPARSE = b"\0", b"7", b"S"
EXTENDED, GLOBAL, LONG_NAME, LONG_LINK = b"x", b"g", b"L", b"K"

Extents = list[tuple[int, int]]
"""Where the data of a sparse file is: offset and length, in order."""


@dataclass(slots=True)
class Entry:
    """Names are bytes, as they are in the archive; times in nanoseconds since the epoch."""

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    """Bytes of data that follow the header in the archive."""
    mtime: int
    link: bytes = b""
    major: int = 0
    minor: int = 0
    atime: int | None = None
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    extents: Extents | None = None
    real_size: int = -1
    """Of a sparse file: its size with the holes."""
