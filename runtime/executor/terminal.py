"""Our own terminal: made raw while a container's is shown on it, its size given on, bytes carried both ways."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import ctypes
import os
import select
import termios

from runtime.executor.sockets import receive
from runtime.syscall.libc import LIBC

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable

_CHUNK_BYTES = 65536
_TIOCGWINSZ, _TIOCSWINSZ = 0x5413, 0x5414


def carry(here: _socket.socket) -> None:
    """Carry bytes between our streams and a terminal until the last process has closed it; its master comes first."""
    master = receive(here)
    restore = make_raw()
    try:
        if restore is not None:
            resize(master)
            _signal.signal(_signal.SIGWINCH, lambda *_: resize(master))
        watched = [master, 0]
        while True:
            ready, _, _ = select.select(watched, [], [])
            if 0 in ready:
                data = os.read(0, _CHUNK_BYTES)
                os.write(master, data or b"\x04")
                if not data:
                    watched = [master]
            if master in ready:
                _write_all(os.read(master, _CHUNK_BYTES))
    except OSError:
        return  # the terminal's other end is closed
    finally:
        os.close(master)
        if restore is not None:
            restore()


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


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
