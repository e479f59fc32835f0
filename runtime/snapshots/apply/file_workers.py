"""Processes that make the small files of a layer while the applier reads on.

Making a file is work of the kernel, which takes several at once; one Python process asks for one after the other. All
of a folder are made by the same worker, in their order. What else is done in a folder to a name that a worker may not
have made yet waits for the workers (`Tree.settle`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
from typing import BinaryIO, Final

from runtime.snapshots.apply import file_worker, orders
from runtime.snapshots.apply.attributes import Attributes
from runtime.snapshots.apply.orders import Job
from runtime.snapshots.errors import SnapshotError

WORTH: Final = 3000
"""Small files of a layer that are made without workers: to make them takes about what it takes to start workers."""
_MOST: Final = 4
_JOBS, _BYTES = 128, 1 << 18
"""What is sent at once, at most."""
_ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_BOOT: Final = f"import sys; sys.path.insert(0, sys.argv.pop(1)); from {file_worker.__name__} import main; main()"
_ABOVE: Final = 10
"""Descriptors from there on are not those that a worker gets."""


class FileWorkers:
    """Below the folder that `tree` is open on; `held` is a lock that lasts as long as a process makes files there."""

    def __init__(self, tree: int, held: int) -> None:
        self._tree = tree
        self._held = held
        self._seen = 0
        self._workers: list[_Worker] = []
        cores = len(os.sched_getaffinity(0))
        self._count = min(cores, _MOST) if cores > 1 else 0
        self._next = 0
        self._busy = False

    def __enter__(self) -> FileWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._workers:
            each.end()

    def take(self) -> int:
        """The number of a worker for a folder that has none yet; -1 when there is none, now or at all."""
        self._seen += 1
        if self._seen <= WORTH or not self._count:
            return -1
        if not self._workers:
            self._start()
        self._next += 1
        return self._next % len(self._workers) if self._workers else -1

    def make(self, number: int, path: bytes, base: bytes, data: bytes, wanted: Attributes) -> None:
        """Have a file made in a folder by its worker, some time before `settle` is over."""
        self._busy = True
        self._workers[number].add((path, base, data, *wanted[:5]))

    def settle(self) -> None:
        """Wait until all is made. Raises what the applier itself would have, InvalidLayer, Unsupported and OSError."""
        if not self._busy:
            return
        self._busy = False
        for each in self._workers:
            each.ask()
        failures = [failure for failure in [each.answer() for each in self._workers] if failure is not None]
        if failures:
            raise failures[0].error()

    def _start(self) -> None:
        try:
            for _ in range(self._count if sys.executable else 0):
                self._workers.append(_Worker(self._tree, self._held))
        except OSError:
            pass  # those there are will do
        self._count = len(self._workers)


class _Worker:
    def __init__(self, tree: int, held: int) -> None:
        self._channel, theirs = socket.socketpair()
        with contextlib.ExitStack() as opened:
            opened.enter_context(theirs)
            given = {file_worker.CHANNEL: theirs.fileno(), file_worker.TREE: tree, file_worker.HELD: held}
            actions = []
            for number, descriptor in given.items():
                above = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
                opened.callback(os.close, above)
                actions.append((os.POSIX_SPAWN_DUP2, above, number))
            null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
            try:
                self._pid = os.posix_spawn(
                    sys.executable,
                    [sys.executable, "-I", "-S", "-c", _BOOT, _ROOT, str(os.getpid())],
                    os.environ,
                    file_actions=[*null, *actions],
                    setpgroup=0,  # what is typed at the terminal is for the command
                    setsigmask=[],
                )
            except BaseException:
                self._channel.close()
                raise
        self._stream: BinaryIO = self._channel.makefile("rb")
        self._jobs: list[Job] = []
        self._size = 0

    def add(self, job: Job) -> None:
        self._jobs.append(job)
        self._size += len(job[2])
        if len(self._jobs) >= _JOBS or self._size >= _BYTES:
            self._send()

    def ask(self) -> None:
        if self._jobs:
            self._send()
        self._tell(orders.packed(None))

    def answer(self) -> orders.Failure | None:
        try:
            return orders.answer(self._stream)
        except OSError as error:
            raise SnapshotError(orders.ENDED) from error

    def end(self) -> None:
        """End it, in the middle of its work if need be: the work is not wanted any more then."""
        os.kill(self._pid, signal.SIGKILL)
        self._stream.close()
        self._channel.close()
        with contextlib.suppress(ChildProcessError):  # of a process that does not want to know
            os.waitpid(self._pid, 0)

    def _send(self) -> None:
        self._tell(orders.packed(self._jobs))
        self._jobs, self._size = [], 0

    def _tell(self, message: bytes) -> None:
        try:
            self._channel.sendall(message)
        except OSError as error:
            raise SnapshotError(orders.ENDED) from error
