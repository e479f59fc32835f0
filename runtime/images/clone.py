"""Two files that share their bytes until one is written to, where the file system can do that (ioctl_ficlone(2))."""

import fcntl
from typing import Final

_FICLONE: Final = 0x40049409


def cloned(reader: int, writer: int) -> bool:
    """Make the file open as `writer` a clone of that open as `reader`; False where that cannot be."""
    try:
        fcntl.ioctl(writer, _FICLONE, reader)
    except OSError:  # whatever a file system without clones answers
        return False
    return True
