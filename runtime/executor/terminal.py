"""Our own terminal: made raw while a container's is shown on it, and its size given on."""

from __future__ import annotations

import ctypes
import os
import termios

from runtime.syscall.libc import LIBC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TIOCGWINSZ, _TIOCSWINSZ = 0x5413, 0x5414


def make_raw() -> Callable[[], None] | None:
    """Make the terminal on our input raw; what is returned undoes it. None if it is no terminal."""
    if not os.isatty(0):
        return None
    before = termios.tcgetattr(0)
    raw = termios.tcgetattr(0)
    raw[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
    raw[1] &= ~termios.OPOST
    raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    termios.tcsetattr(0, termios.TCSANOW, raw)
    return lambda: termios.tcsetattr(0, termios.TCSANOW, before)


def resize(master: int) -> None:
    """Give the size of our terminal to another one."""
    size = (ctypes.c_ushort * 4)()
    if LIBC.ioctl(0, ctypes.c_ulong(_TIOCGWINSZ), size) == 0:
        LIBC.ioctl(master, ctypes.c_ulong(_TIOCSWINSZ), size)
