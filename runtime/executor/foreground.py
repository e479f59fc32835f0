"""Staying with a process until it ends: signals passed on, a terminal's bytes carried, its exit status ours."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

from runtime.executor.errors import ExecutorError
from runtime.executor.loading import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from types import FrameType

    from runtime.executor.program import Call

_KEPT = ("SIGCHLD", "SIGKILL", "SIGSTOP", "SIGURG", "SIGPIPE")


class Foreground:
    """One process to stay with. Made before it is started, so that no signal is lost."""

    def __init__(self, *, terminal: bool) -> None:
        self._pid = 0
        self._pending: list[int] = []
        self._carry: Callable[[_socket.socket], None]
        self._here: _socket.socket | None = None
        self.console: _socket.socket | None = None
        if terminal:
            self._here, self.console = module("sockets").pair()
            self._carry = module("terminal").carry

    def watch(self) -> None:
        """Pass on every signal from now on."""
        for name in dir(_signal):
            if name.startswith("SIG") and not name.startswith(("SIG_", "SIGRT")) and name not in _KEPT:
                _signal.signal(getattr(_signal, name), self._signalled)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if not self._pid:
            self._pending.append(number)
            return
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            return

    def stay(self, pid: int) -> int:
        """Wait for its end; 128 and the signal's number if a signal killed it."""
        self._pid = pid
        for number in self._pending:
            self._signalled(number, None)
        if self._here is not None:
            self._carry(self._here)
        status = _wait(pid)
        return status if status >= 0 else 128 - status


def _wait(pid: int) -> int:
    """The exit status of one child, while others that were left to us are waited for as well."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def check_console(call: Call, *, detach: bool, terminal: bool) -> None:
    """Refuse what cannot go together. Raise ExecutorError."""
    socket = call.given.text("console-socket")
    if detach and terminal and not socket:
        raise ExecutorError("cannot allocate tty if runc will detach without setting console socket")
    if socket and not (detach and terminal):
        raise ExecutorError("cannot use console socket if runc will not detach or allocate tty")
