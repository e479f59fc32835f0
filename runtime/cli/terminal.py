"""The user's terminal: raw while a container's terminal is shown on it, its size, and signals that come."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found] # signal itself loads more than all of a terminal needs
import os
import termios
import tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_UNPROXIED = {signal.SIGCHLD, signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGURG, signal.SIGWINCH}
_OF_JOBS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT}
_FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT}


def size(fd: int = 0) -> tuple[int, int] | None:
    """Rows and columns; None when it is no terminal."""
    try:
        found = os.get_terminal_size(fd)
    except OSError:
        return None
    return found.lines, found.columns


class raw:  # noqa: N801 - a context, used as a verb
    """Have every key pass through unread while the block runs, if that is wanted."""

    def __init__(self, fd: int, wanted: bool) -> None:
        self._fd = fd
        self._wanted = wanted

    def __enter__(self) -> None:
        if self._wanted:
            self._before = termios.tcgetattr(self._fd)
            tty.setraw(self._fd, termios.TCSADRAIN)

    def __exit__(self, *_: object) -> None:
        if self._wanted:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)


class Signals:
    """Signals as numbers on a descriptor that is readable when there are some."""

    def __init__(self, *, proxied: bool) -> None:
        self.woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        wanted = {signal.SIGWINCH}
        if proxied:
            wanted |= set(signal.valid_signals()) - _UNPROXIED - _OF_JOBS - _FAULTS
        self._wanted = {int(number) for number in wanted}
        self._before: dict[int, Callable[..., object] | int | None] = {}

    def __enter__(self) -> Signals:
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in self._wanted:
            self._before[number] = signal.signal(number, _heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.close(self.woken)
        os.close(self._wake)

    def take(self) -> list[int]:
        """Those that came, each once."""
        return sorted(set(os.read(self.woken, 4096)))


def _heard(number: int, frame: object) -> None:
    """The descriptor says it."""
