"""The streams of a container: three pipes, or the master of its terminal."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable

from runtime.engine.monitor.loop import READ, WRITE, Loop

PIECE = 32 * 1024
HELD = 256 * 1024
"""Bytes of input that wait for the container before its senders must wait."""
TERMINAL_SECONDS = 10.0
"""Seconds within which the OCI runtime must hand over the terminal it made."""


class Streams:
    """One run's streams. `out` gets ("stdout", data) as it comes, `ended` is called when no more will; `eased` when
    the container took input."""

    def __init__(
        self, loop: Loop, out: Callable[[str, bytes], None], ended: Callable[[], None], eased: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._out = out
        self._ended = ended
        self._eased = eased
        self._sources: dict[int, str] = {}
        self._input = -1
        self._terminal = False
        self._pending = bytearray()
        self._ending = False
        self._paused = False
        self._theirs: list[int] = []

    def pipes(self, wanted: bool) -> dict[int, int]:
        """Make pipes, with one for input if wanted; the answer is the container's descriptors 0 to 2."""
        given = {}
        if wanted:
            given[0], self._input = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._input, False)
        for number, name in ((1, "stdout"), (2, "stderr")):
            ours, given[number] = os.pipe2(os.O_CLOEXEC)
            self._take(ours, name)
        self._theirs = list(given.values())
        return given

    def terminal(self, listener: socket.socket, size: list[int] | None) -> None:
        """Receive the terminal that the OCI runtime made. Raises OSError."""
        listener.settimeout(TERMINAL_SECONDS)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(TERMINAL_SECONDS)
            _, fds, _, _ = socket.recv_fds(connection, 4096, 2)
        if len(fds) != 1:
            for fd in fds:
                os.close(fd)
            raise OSError(errno.EPROTO, f"the OCI runtime handed over {len(fds)} descriptors, not one terminal")
        self._input, self._terminal = fds[0], True
        os.set_blocking(fds[0], False)
        if size:
            self.resize(*size)
        self._take(os.dup(fds[0]), "stdout")

    def begun(self) -> None:
        """The container has its descriptors; let go of them here."""
        for fd in self._theirs:
            os.close(fd)
        self._theirs = []

    @property
    def open(self) -> bool:
        """Whether more output may come."""
        return bool(self._sources)

    @property
    def full(self) -> bool:
        """Whether senders of input must wait."""
        return len(self._pending) > HELD

    def feed(self, data: bytes) -> None:
        """Give input."""
        if self._input >= 0 and not self._ending:
            self._pending += data
            self._write(0)

    def end_input(self) -> None:
        """There is no more input; of a terminal its own end-of-file is the one that counts."""
        if self._input >= 0 and not self._terminal:
            self._ending = True
            self._write(0)

    def resize(self, rows: int, columns: int) -> None:
        """Tell the terminal its size; nothing happens if there is none."""
        if self._terminal and self._input >= 0:
            fcntl.ioctl(self._input, termios.TIOCSWINSZ, struct.pack("HHHH", rows & 0xFFFF, columns & 0xFFFF, 0, 0))

    def pause(self, paused: bool) -> None:
        """Leave output where it is for now, or take it again."""
        if paused == self._paused:
            return
        self._paused = paused
        for fd in self._sources:
            if paused:
                self._loop.forget(fd)
            else:
                self._watch(fd)

    def close(self) -> None:
        """Let go of all."""
        for fd in list(self._sources):
            self._drop(fd)
        self._close_input()
        self.begun()

    def _take(self, fd: int, name: str) -> None:
        os.set_blocking(fd, False)
        self._sources[fd] = name
        self._watch(fd)

    def _watch(self, fd: int) -> None:
        self._loop.watch(fd, READ, lambda _: self._read(fd))

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, PIECE)
        except BlockingIOError:
            return
        except OSError:  # a terminal whose other end is closed everywhere
            data = b""
        if data:
            self._out(self._sources[fd], data)
            return
        self._drop(fd)
        if not self._sources:
            self._ended()

    def _drop(self, fd: int) -> None:
        self._loop.forget(fd)
        del self._sources[fd]
        os.close(fd)

    def _write(self, _: int) -> None:
        try:
            while self._pending:
                sent = os.write(self._input, self._pending[:PIECE])
                del self._pending[:sent]
        except BlockingIOError:
            self._loop.watch(self._input, WRITE, self._write)
            return
        except OSError:
            self._pending.clear()
            self._close_input()
            self._eased()
            return
        self._loop.forget(self._input)
        if self._ending:
            self._close_input()
        self._eased()

    def _close_input(self) -> None:
        if self._input >= 0:
            self._loop.forget(self._input)
            os.close(self._input)
            self._input = -1
