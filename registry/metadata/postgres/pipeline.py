"""Reads of one event loop, many on one connection: no thread blocks or is woken, and round trips are shared.

A read is run on the answers that are there (see `replay`); where it asks for one more, its statement goes out with
those of all other reads of the moment, and when the answer has come it is run again.

    queue --turn of the loop--> a connection that waits for nothing, a new one, or the one that waits for least
          --answer--> run again: done, or the next statement on the same connection
          --connection lost--> once more from the beginning, on another connection
"""

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

from sqlalchemy import Dialect

from registry.metadata.backend import Observe
from registry.metadata.errors import DatabaseUnavailable
from registry.metadata.postgres.replay import Done, Read
from registry.metadata.postgres.wire import Result, Wire
from registry.metadata.session import Session

LOOK_SECONDS = 0.5
"""Between two looks for connections that do not answer."""

SLOW_SECONDS = 0.005
"""After which a connection that has not answered is not given more, if there can be another."""


class ReadConnection:
    """One connection, and the reads that wait for it in order."""

    def __init__(self, wire: Wire, owner: "Pipeline") -> None:
        self.wire = wire
        self.reads: deque[Read] = deque()
        self.waits_since = 0.0
        self._owner = owner
        self._answers: list[Result] = []
        self._writing = False
        owner.loop.add_reader(wire.fileno, self._readable)

    def send(self, reads: list[Read]) -> None:
        """Send the next statement of each. They are the connection's from here on, whatever comes of it."""
        if not self.reads:
            self.waits_since = perf_counter()
        self.reads.extend(reads)
        for read in reads:
            self.wire.send(read.text, read.params)
            self.wire.finish()
        self._flush()

    def close(self) -> deque[Read]:
        """Let go of the connection; the reads that it has not answered."""
        self._owner.loop.remove_reader(self.wire.fileno)
        self._owner.loop.remove_writer(self.wire.fileno)
        with contextlib.suppress(Exception):  # it is being thrown away
            self.wire.close()
        reads, self.reads = self.reads, deque()
        return reads

    def _flush(self) -> None:
        more = self.wire.flush()
        if more and not self._writing:
            self._owner.loop.add_writer(self.wire.fileno, self._writable)
        elif self._writing and not more:
            self._owner.loop.remove_writer(self.wire.fileno)
        self._writing = more

    def _writable(self) -> None:
        try:
            self._flush()
        except Exception as error:
            self._owner.lost(self, error)

    def _readable(self) -> None:
        again: list[Read] = []
        try:
            self.wire.take()
            while self.reads and self.wire.collect(self._answers):
                (answer,), self._answers = self._answers, []
                self.waits_since = perf_counter()
                if self._answered(answer):
                    again.append(self.reads.popleft())
                else:
                    self.reads.popleft()
            ready, again = again, []
            self.send(ready)
            self._owner.resume()
        except Exception as error:
            self.reads.extendleft(reversed(again))
            self._owner.lost(self, error)

    def _answered(self, answer: Result) -> bool:
        read = self.reads[0]
        if answer.error is not None:
            if self._owner.is_lost(answer.error):
                raise answer.error
            read.fail(answer.error)
            return False
        read.answers.append(answer.rows)
        return read.advance(self._owner.dialect)


class Pipeline:
    """See the module. Everything is called on the loop, `close` aside."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connect: Callable[[], Wire],
        is_lost: Callable[[BaseException], bool],
        dialect: Dialect,
        connections: int,
        within: float,
        observe: Observe,
    ) -> None:
        self.loop = loop
        self.is_lost = is_lost
        self.dialect = dialect
        self._connect = connect
        self._most = connections
        self._within = within
        self._observe = observe
        self._connections: list[ReadConnection] = []
        self._connecting = 0
        self._not_before = 0.0
        self.joined = 0
        """How many connections there have been; where one is allowed at a time, it tells this one from those before."""
        self._queue: list[Read] = []
        self._closed = False
        self._look: asyncio.TimerHandle | None = None
        """The next look for silence, while there is anything to wait for."""

    def read(self, fn: Callable[[Session], Any]) -> "asyncio.Future[Any]":
        """The outcome of a read, with errors as the driver raises them."""
        future: asyncio.Future[Any] = self.loop.create_future()
        self.start(fn, functools.partial(_settle, future))
        return future

    def start(self, fn: Callable[[Session], Any], done: Done) -> None:
        """The same for a callback, which is called later, on the loop."""
        read = Read(fn, done if self._observe is None else self._observed(done, perf_counter()))
        if self._closed:
            self.loop.call_soon(read.fail, DatabaseUnavailable("database is closed"))
            return
        if not self._queue:
            self.loop.call_soon(self._turn)
        self._queue.append(read)
        if self._look is None:
            self._look = self.loop.call_later(LOOK_SECONDS, self._look_for_silence)

    def resume(self) -> None:
        """A connection has answered: there may be a place for what waits for a new one."""
        if self._queue and self._connecting:
            self._turn()

    def lost(self, connection: ReadConnection, error: BaseException) -> None:
        """The connection is of no more use; what it has not answered is tried once more."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        waiting = bool(self._queue)
        for read in connection.close():
            if read.tried or not self.is_lost(error):
                read.fail(error)
            else:
                read.again()
                self._queue.append(read)
        if self._queue and not waiting:
            self.loop.call_soon(self._turn)

    def close(self) -> None:
        """Close every connection, and refuse what comes after; on any thread."""
        try:
            own = asyncio.get_running_loop() is self.loop
        except RuntimeError:
            own = False
        if own or not self.loop.is_running():
            self._close()
            return
        done: asyncio.Future[None] = asyncio.run_coroutine_threadsafe(self._closing(), self.loop)  # type: ignore[assignment]
        done.result()

    async def _closing(self) -> None:
        self._close()

    def _close(self) -> None:
        self._closed = True
        if self._look is not None:
            self._look.cancel()
        error = DatabaseUnavailable("database is closed")
        reads, self._queue = self._queue, []
        for connection in self._connections:
            reads.extend(connection.close())
        self._connections.clear()
        for read in reads:
            read.fail(error)

    def _turn(self) -> None:
        """All reads that have come since the last turn go out, together."""
        queue = [read for read in self._queue if read.text or read.advance(self.dialect)]
        self._queue = queue
        if not queue:
            return
        connection = self._quickest()
        if connection is None:
            return  # they wait in the queue until one is connected
        self._queue = []
        self._send(connection, queue)

    def _quickest(self) -> ReadConnection | None:
        """Of the connections that no slow statement holds up the one with least to do; or None while one is made."""
        now = perf_counter()
        quick = [each for each in self._connections if not each.reads or now - each.waits_since < SLOW_SECONDS]
        # Where there is no connection at all, nothing else would ever look at the queue again: that cannot wait.
        may = now > self._not_before or not self._connections
        if not quick and may and len(self._connections) + self._connecting < self._most:
            self._connecting += 1
            self.loop.run_in_executor(None, self._connected)
        if not quick and self._connecting:
            return None
        return min(quick or self._connections, key=lambda each: len(each.reads), default=None)

    def _send(self, connection: ReadConnection, reads: list[Read]) -> None:
        try:
            connection.send(reads)
        except Exception as error:
            self.lost(connection, error)

    def _connected(self) -> None:
        wire, error = None, None
        try:
            wire = self._connect()
        except BaseException as failure:
            error = failure
        try:
            self.loop.call_soon_threadsafe(self._join, wire, error)
        except RuntimeError:  # the loop was closed
            if wire is not None:
                wire.close()

    def _join(self, wire: Wire | None, error: BaseException | None) -> None:
        self._connecting -= 1
        if wire is not None:
            if self._closed:
                wire.close()
                return
            self.joined += 1
            self._connections.append(ReadConnection(wire, self))
        elif self._connections or self._connecting:
            self._not_before = perf_counter() + LOOK_SECONDS
        elif error is not None:
            reads, self._queue = self._queue, []
            for read in reads:
                read.fail(error)
        if self._queue:
            self._turn()

    def _look_for_silence(self) -> None:
        now = perf_counter()
        silent = [each for each in self._connections if each.reads and now - each.waits_since > self._within]
        for connection in silent:
            for read in connection.reads:
                read.tried = True  # it has waited long enough
            self.lost(connection, DatabaseUnavailable(f"database does not answer within {self._within:g} seconds"))
        waiting = self._queue or any(each.reads for each in self._connections)
        self._look = self.loop.call_later(LOOK_SECONDS, self._look_for_silence) if waiting else None

    def _observed(self, done: Done, started: float) -> Done:
        observe = self._observe
        assert observe is not None

        def told(result: object, error: BaseException | None) -> None:
            if error is None:
                observe("read", perf_counter() - started)
            done(result, error)

        return told


def _settle(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():  # the caller was cancelled
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
