"""Staying with a process until it ends: signals passed on, a terminal's bytes carried, its exit status ours."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import os
import select

from runtime.executor.terminal import make_raw, resize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_CHUNK_BYTES = 65536
_KEPT = ("SIGCHLD", "SIGKILL", "SIGSTOP", "SIGURG", "SIGPIPE")
_SCM_RIGHTS = 1


class Foreground:
    """One process to stay with. Made before it is started, so that no signal is lost."""

    def __init__(self, *, terminal: bool) -> None:
        self._pid = 0
        self._pending: list[int] = []
        self._here: _socket.socket | None = None
        self.console: _socket.socket | None = None
        if terminal:
            self._here, self.console = _pair()

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
            self._carry(self._here, pid)
        status = _wait(pid)
        return status if status >= 0 else 128 - status

    def _carry(self, here: _socket.socket, pid: int) -> None:
        """Carry bytes between our streams and the terminal's master until the last process has closed it."""
        _, extra, _, _ = here.recvmsg(4096, 64)
        master = int.from_bytes(extra[0][2][:4], "little")
        here.close()
        saved = make_raw()
        try:
            if saved is not None:
                resize(master)
                _signal.signal(_signal.SIGWINCH, lambda *_: resize(master))
            watched = [master, 0]
            while True:
                try:
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
            if saved is not None:
                saved()


def _pair() -> tuple[_socket.socket, _socket.socket]:
    first, second = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    return first, second


def _wait(pid: int) -> int:
    """The exit status of one child, while others that were left to us are waited for as well."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
