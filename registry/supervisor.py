"""The parent of several workers: it forks them, replaces those that end, and passes signals on.

It works in one loop without threads, an event loop or signal handlers: signals are blocked and waited for, so that none
interrupts anything, and an idle parent sleeps until one comes.

    waiting --its time--> running --ended before SETTLED_SECONDS--> waiting, longer each time (PAUSES)
                                  --ended later--> waiting, no time at all
    every place has failed TRIES times in a row, and no worker has settled: the start cannot succeed, exit 1

SIGTERM and SIGINT drain: workers get SIGTERM, the listening socket is closed, and nothing is replaced any more. A
second one ends the drain: workers get AT_ONCE, a signal of its own, since an init system may send SIGTERM to every
process of a service and a terminal SIGINT, and neither is a second wish. SIGHUP is passed on.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from registry import cores

log = logging.getLogger(__name__)

AT_ONCE = signal.SIGUSR1
"""Tells a worker to end its drain."""

SETTLED_SECONDS = 5.0
"""A worker that ends before it has lived so long has failed to start."""

PAUSES = (1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before a place that has failed to start a worker so many times tries again; the last one from then on."""

TRIES = 5

WAITED_FOR = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD})

PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class _Place:
    """One worker, or the lack of it; times are monotonic seconds."""

    core: int | None
    """The core it keeps to, None for any."""
    pid: int = 0
    since: float = 0.0
    due: float = 0.0
    failures: int = 0


class Supervisor:
    """`work` is what a worker does, and gives its exit code. Forks before any thread or event loop exists."""

    def __init__(self, work: Callable[[], int], listener: socket.socket, places: Sequence[int | None]) -> None:
        self._work = work
        self._listener = listener
        self._places = [_Place(core) for core in places]
        self._stops = 0
        self._failed = False

    def run(self) -> int:
        """Until told to stop, or until it gives up; the exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)
        while True:
            if not self._stops:
                self._start_due()
            if self._stops and not self._running():
                return 1 if self._failed else 0
            self._wait()
            self._reap()

    def _running(self) -> list[_Place]:
        return [place for place in self._places if place.pid]

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if not place.pid and place.due <= now:
                place.pid, place.since = self._fork(place.core), time.monotonic()

    def _wait(self) -> None:
        """Until a signal comes, or a place is due; and do as the signal says."""
        due = [place.due for place in self._places if not place.pid and not self._stops]
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        found = signal.sigwaitinfo(WAITED_FOR) if timeout is None else signal.sigtimedwait(WAITED_FOR, timeout)
        if found is None:
            return
        if found.si_signo in (signal.SIGINT, signal.SIGTERM):
            self._stop()
        elif found.si_signo == signal.SIGHUP:
            self._pass_on(signal.SIGHUP)

    def _stop(self) -> None:
        self._stops += 1
        self._listener.close()  # or the kernel would go on taking connections that no worker serves
        self._pass_on(signal.SIGTERM if self._stops == 1 else AT_ONCE)

    def _pass_on(self, number: int) -> None:
        for place in self._running():
            with suppress(ProcessLookupError):
                os.kill(place.pid, number)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for place in self._running():
                    if place.pid == ended[0]:
                        self._ended(place, os.waitstatus_to_exitcode(ended[1]))

    def _ended(self, place: _Place, code: int) -> None:
        pid, place.pid = place.pid, 0
        if self._stops:
            self._failed = self._failed or code != 0
            return
        now = time.monotonic()
        place.failures = 0 if now - place.since >= SETTLED_SECONDS else place.failures + 1
        pause = PAUSES[min(place.failures, len(PAUSES)) - 1] if place.failures else 0.0
        place.due = now + pause
        if self._is_hopeless(now):
            log.error("the workers end as soon as they start, %d times in a row; the server gives up", TRIES)
            self._failed = True
            self._stop()
        else:
            log.error("worker %d ended with status %d and is replaced in %g seconds", pid, code, pause)

    def _is_hopeless(self, now: float) -> bool:
        settled = any(now - place.since >= SETTLED_SECONDS for place in self._running())
        return not settled and all(place.failures >= TRIES for place in self._places)

    def _fork(self, core: int | None) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            _die_with(parent)
            # The terminal sends SIGINT to all processes, and the parent passes on what it means.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # A signal that comes before the worker can drain waits until the worker can.
            signal.pthread_sigmask(signal.SIG_BLOCK, {AT_ONCE})
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            if core is not None:
                cores.keep_to(core)
            code = self._work()
        except BaseException:
            log.exception("the worker failed")
        finally:
            logging.shutdown()
            os._exit(code)


def _die_with(parent: int) -> None:
    """A worker whose parent is killed must not go on alone, holding the port."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
