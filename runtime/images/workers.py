"""A few threads for work that waits for the network. They do not outlive the process that is told to stop."""

import queue
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar

_Result = TypeVar("_Result")

_POLL_SECONDS: Final = 0.2
"""Seconds between two looks whether to stop."""


class Stopped(Exception):
    """Other work failed, or the user has had enough."""


class Workers:
    """Up to `count` threads, used as a context: at its end nothing runs any more, after a failure as well.

    Daemon threads, unlike those of an executor: one that hangs in a read does not keep an interrupted process.
    """

    def __init__(self, count: int, patience: float = 5.0) -> None:
        self.stopping = threading.Event()
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._count = count
        self._patience = patience

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Have it done; what is submitted first is begun first."""
        future: Future[_Result] = Future()
        self._waiting.put((future, work))
        if len(self._threads) < self._count:
            self._threads.append(threading.Thread(target=self._run, daemon=True, name="transfer"))
            self._threads[-1].start()
        return future

    def check(self) -> None:
        """Called by work now and then. Raises Stopped."""
        if self.stopping.is_set():
            raise Stopped("stopped")

    def result(self, future: Future[_Result]) -> _Result:
        """What came of work of whatever workers, for one of these or the main thread. Raises Stopped, or the same.

        It wakes now and then: a signal that another thread was given, or that came just before, interrupts no wait.
        """
        while not future.done():
            self.check()
            futures.wait([future], _POLL_SECONDS)
        return future.result()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            future, work = item
            if self.stopping.is_set() or not future.set_running_or_notify_cancel():
                future.cancel()
                continue
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stopping.set()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(self._patience if error is not None else None)
