"""The monitor's one loop: descriptors that are ready, times that come, children that end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
BROKEN = select.EPOLLHUP | select.EPOLLERR


class Loop:
    """Calls what waits for something, for as long as it is run."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[int], None]] = {}
        self._times: dict[int, tuple[float, Callable[[], None]]] = {}
        self._next = 0
        self._children: dict[int, Callable[[int], None]] = {}
        self._signals: dict[int, Callable[[], None]] = {signal.SIGCHLD: self.reap}
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _heard)
        self.watch(self._woken, READ, self._wake)

    def watch(self, fd: int, events: int, call: Callable[[int], None]) -> None:
        """Call with what is ready of these events, and of BROKEN always. A second time changes the first."""
        if fd in self._ready:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._ready[fd] = call

    def forget(self, fd: int) -> None:
        """Watch it no more; nothing happens if it is not watched."""
        if self._ready.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def after(self, seconds: float, call: Callable[[], None]) -> int:
        """Call once, later. The answer is what `cancel` takes."""
        self._next += 1
        self._times[self._next] = (time.monotonic() + seconds, call)
        return self._next

    def cancel(self, timer: int) -> None:
        """Do not call it; nothing happens if it has been called."""
        self._times.pop(timer, None)

    def child(self, pid: int, call: Callable[[int], None]) -> None:
        """Call with the exit code of a child that is ours, 128 and the signal if one ended it."""
        self._children[pid] = call

    def on_signal(self, number: int, call: Callable[[], None]) -> None:
        """Call when the monitor gets this signal."""
        self._signals[number] = call
        signal.signal(number, _heard)

    def run(self, until: Callable[[], bool]) -> None:
        """Call what is ready, again and again; `until` is asked each time."""
        while not until():
            for fd, events in self._epoll.poll(self._patience()):
                if call := self._ready.get(fd):
                    call(events)
            due = time.monotonic()
            for timer, (when, late) in list(self._times.items()):
                if when <= due and timer in self._times:
                    del self._times[timer]
                    late()

    def reap(self) -> None:
        """Take the exit codes of children that ended, those of adopted ones too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if call := self._children.pop(pid, None):
                call(code_of(status))

    def _patience(self) -> float | None:
        if not self._times:
            return None
        return max(0.0, min(when for when, _ in self._times.values()) - time.monotonic())

    def _wake(self, _: int) -> None:
        for number in set(os.read(self._woken, 512)):
            if call := self._signals.get(number):
                call()


def code_of(status: int) -> int:
    """The exit code of a wait status, as a shell tells it."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _heard(number: int, frame: object) -> None:
    """The wakeup descriptor says it in the loop."""
