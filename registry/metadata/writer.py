"""Group commit: one thread, one connection, and one transaction for everything that waits to be written.

Those whose writes wait together share one wait for the disk ("small image push" in docs/benchmarks.md).

Rules:
1. A write's result is handed over only after the commit that holds it.
2. A write that raises is undone alone; the others of its batch are not touched. The batch is first run without
   savepoints, as nearly all are fine; when one raises, all is rolled back and run again with a savepoint for each.
   So a write may run more than once, and only what its last run did and returned counts.
3. An error of the database itself, or a commit that fails, fails every write of the batch: nothing of it is there.
4. A batch commits durably when any write in it asks for that.
5. A connection that is lost before the commit was asked for has done nothing: the batch is run again on another, for
   the backend's `retry_seconds`. One lost in the commit may have done all, which cannot be known: that is an error.
6. Results are delivered with one call into each event loop per batch, however many writes the batch had.
7. The thread outlives every error: those whose write it takes with it get it raised, and the next batch has its chance.
8. While the read-only window is open, only writes that are made `always` are run; it is looked at in their transaction.
"""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic, perf_counter, sleep
from typing import Any, NamedTuple

from registry.metadata import read_only
from registry.metadata.backend import Backend, Connection, Observe
from registry.metadata.clock import now_ms
from registry.metadata.errors import DatabaseUnavailable, InReadOnlyWindow
from registry.metadata.session import Session

log = logging.getLogger(__name__)

MAX_BATCH = 256
"""Writes in one transaction at most, so that the first of them does not wait for ever more."""

PAUSE, STEP = 0.002, 0.0005
"""Seconds that a batch waits at most until it has as many writes as the one before it had, and between two looks. Those
who were answered together come again together, a moment later; each commit that they share saves all of them its cost,
which is greater than the pause."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two attempts to write when the database is away, at first and at most."""


class _Write(NamedTuple):
    run: Callable[[Session], Any]
    durable: bool
    loop: asyncio.AbstractEventLoop | None
    future: "asyncio.Future[Any] | Future[Any]"
    always: bool = False


class _Outcome(NamedTuple):
    write: _Write
    result: Any
    error: BaseException | None


class GroupWriter:
    """Runs writes in batches on its own thread, which starts with the first write."""

    def __init__(self, backend: Backend, observe: Observe) -> None:
        self._backend = backend
        self._observe = observe
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._committing = False
        self.durable_writes = 0
        """How many were asked for."""
        self.after_commit: Callable[[], None] = _nothing
        """Is called after each batch, on the writer's thread."""

    def submit(
        self,
        run: Callable[[Session], Any],
        durable: bool,
        loop: asyncio.AbstractEventLoop | None,
        future: "asyncio.Future[Any] | Future[Any]",
        always: bool = False,
    ) -> None:
        """Queue a write; its outcome goes to the future, through the loop when there is one."""
        with self._gate:
            if self._closed:
                raise DatabaseUnavailable("database is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="metadata-writer", daemon=True)
                self._thread.start()
            self.durable_writes += durable
            self._queue.put(_Write(run, durable, loop, future, always))

    def close(self) -> None:
        """Commit what is queued, refuse what comes after, and end the thread."""
        with self._gate:
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        before = 1
        while (first := self._queue.get()) is not None:
            self._await(before)
            batch, last = self._gather(first)
            before = len(batch)
            started = perf_counter()
            outcomes = self._settled(batch)
            seconds = perf_counter() - started
            if self._observe is not None:
                self._follow(self._observe, "write", seconds)
            _deliver(outcomes)
            self._follow(self._backend.committed, len(batch))
            self._follow(self.after_commit)
            del first, batch, outcomes  # what a write holds is not kept until the next one
            if last:
                break
        self._disconnect()

    def _settled(self, batch: list[_Write]) -> list[_Outcome]:
        """What came of each write, whatever happens: a thread that ended here would leave all callers waiting."""
        try:
            return self._settle(batch)
        except BaseException as error:
            log.exception("a batch of writes failed by a defect of the index's writer")
            self._disconnect()
            return [_Outcome(write, None, error) for write in batch]

    def _follow(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except Exception:
            log.exception("what follows a commit failed; the commit stands")

    def _await(self, count: int) -> None:
        """Until so many writes have come, or the pause is over."""
        end = monotonic() + PAUSE
        while self._queue.qsize() + 1 < count and not self._closed and monotonic() < end:
            sleep(STEP)

    def _gather(self, first: _Write) -> tuple[list[_Write], bool]:
        batch = [first]
        with contextlib.suppress(queue.Empty):
            while len(batch) < MAX_BATCH:
                write = self._queue.get_nowait()
                if write is None:
                    return batch, True
                batch.append(write)
        return batch, False

    def _settle(self, batch: list[_Write]) -> list[_Outcome]:
        deadline = monotonic() + self._backend.retry_seconds
        pause = FIRST_PAUSE
        while True:
            self._committing = False
            try:
                return self._commit(batch)
            except BaseException as error:
                self._disconnect()  # also rolls back; a connection that met an error of the disk is not trusted again
                if self._committing or monotonic() + pause > deadline or not self._backend.lost(error):
                    return [_Outcome(write, None, self._named(error)) for write in batch]
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _commit(self, batch: list[_Write]) -> list[_Outcome]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._backend.connect(writer=True)
        durable = any(write.durable for write in batch)
        try:
            return self._run(connection, durable, batch, _unguarded)
        except BaseException as error:
            if self._backend.translate(error) is not None:
                raise  # the transaction may be gone already
            if self._committing and not self._backend.refused(error):
                raise  # or it may be there already: it must not be run again
            self._committing = False
            connection.rollback()
            if len(batch) == 1:
                return [_Outcome(batch[0], None, error)]
        return self._run(connection, durable, batch, self._each)

    def _run(
        self,
        connection: Connection,
        durable: bool,
        batch: list[_Write],
        run: Callable[[Connection, list[_Write]], list[_Outcome]],
    ) -> list[_Outcome]:
        connection.begin(durable=durable)
        admitted, refused = _admitted(connection.session, batch)
        outcomes = run(connection, admitted)
        self._committing = True
        connection.commit()
        return outcomes + refused

    def _each(self, connection: Connection, batch: list[_Write]) -> list[_Outcome]:
        return [self._attempt(connection, write) for write in batch]

    def _attempt(self, connection: Connection, write: _Write) -> _Outcome:
        connection.savepoint()
        try:
            result = write.run(connection.session)
            connection.release()
        except BaseException as error:
            if self._backend.translate(error) is not None:
                raise  # the transaction may be gone already
            connection.rollback_to_savepoint()
            return _Outcome(write, None, error)
        return _Outcome(write, result, None)

    def _named(self, error: BaseException) -> BaseException:
        ours = self._backend.translate(error)
        if ours is None:
            return error
        ours.__cause__ = error
        return ours

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is being thrown away
                connection.close()


def _nothing() -> None:
    """What follows a commit where nothing does."""


def _admitted(session: Session, batch: list[_Write]) -> tuple[list[_Write], list[_Outcome]]:
    """The writes to be run, and what came of those that are not."""
    if all(write.always for write in batch) or read_only.until_for_write(session) <= now_ms():
        return batch, []
    refused = [_Outcome(write, None, InReadOnlyWindow(read_only.SENTENCE)) for write in batch if not write.always]
    return [write for write in batch if write.always], refused


def _unguarded(connection: Connection, batch: list[_Write]) -> list[_Outcome]:
    session = connection.session
    return [_Outcome(write, write.run(session), None) for write in batch]


def _deliver(outcomes: list[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        if outcome.write.loop is None:
            _hand_over(outcome)
        else:
            by_loop.setdefault(outcome.write.loop, []).append(outcome)
    for loop, theirs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: no caller waits any more
            loop.call_soon_threadsafe(_hand_over_all, theirs)


def _hand_over_all(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        _hand_over(outcome)


def _hand_over(outcome: _Outcome) -> None:
    future = outcome.write.future
    if future.done():  # the caller was cancelled; the write stands
        return
    if outcome.error is not None:
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome.result)
