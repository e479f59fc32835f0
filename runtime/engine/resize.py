"""The size of a terminal. The monitor imports this file."""

from __future__ import annotations

import fcntl
import struct
import termios


def resize(fd: int, size: tuple[int, int] | None) -> None:
    """Tell a terminal its rows and columns; nothing happens when they are not known."""
    if size:
        rows, columns = size
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows & 0xFFFF, columns & 0xFFFF, 0, 0))
