"""What a kind of database has to bring: connections, transactions, and the meaning of its errors."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Engine

from registry.metadata.errors import DatabaseError
from registry.metadata.session import Generation, Session


class Connection(Protocol):
    """One connection, in autocommit until `begin`; used by one thread at a time."""

    @property
    def session(self) -> Session:
        """What runs statements on it."""

    def begin(self, *, durable: bool) -> None:
        """Begin a transaction that may write, whose commit waits for the disk or does not.

        Of all transactions of all processes there is one at a time, until it ends.
        """

    def commit(self) -> None:
        """End the transaction. An error leaves open whether it was committed only where `Backend.lost` says so."""

    def rollback(self) -> None:
        """End the transaction, with nothing of it done."""

    def savepoint(self) -> None:
        """Set a savepoint in the transaction."""

    def release(self) -> None:
        """Release the savepoint: what was run since is part of the transaction. Raises what failed of it."""

    def rollback_to_savepoint(self) -> None:
        """Undo what was run since the savepoint."""

    def generation(self) -> object:
        """A value that differs when another connection has committed in between; on this connection only. Or None."""

    def close(self) -> None:
        """Let go of it, whatever state it is in."""


class Backend(Protocol):
    """One kind of database, at one URL. Everything that is only true of that kind is behind this."""

    inline_reads: bool
    """Whether an indexed read is so short that it may run on the event loop's own thread."""

    readers: int
    """Connections that read, at most, where reads are not inline; otherwise each thread has its own."""

    retry_seconds: float
    """Seconds for which a write that found its connection lost is tried again on others."""

    def connect(self, *, writer: bool) -> Connection:
        """A new connection; one that is not for the writer refuses to write."""

    def engine(self) -> Engine:
        """SQLAlchemy's own way to connect, for migrations alone."""

    def translate(self, error: BaseException) -> DatabaseError | None:
        """A new error of ours for one that comes from outside this program; None for any other."""

    def lost(self, error: BaseException) -> bool:
        """Whether the connection is of no more use, or there is none, and another may be."""

    def refused(self, error: BaseException) -> bool:
        """Whether the database has refused what it was asked for, so that it has committed nothing."""

    def committed(self, writes: int) -> None:
        """Take note of this many writes committed; called when their callers have been answered."""

    def close(self) -> None:
        """Stop what runs in the background."""


class Reads(Protocol):
    """Reads of one event loop that block no thread; called on that loop."""

    loop: asyncio.AbstractEventLoop

    def read(self, fn: Callable[[Session], Any]) -> "asyncio.Future[Any]":
        """The outcome of a read; errors are the driver's."""

    def start(self, fn: Callable[[Session], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """The same for a callback, which is called later, on the loop."""

    def close(self) -> None:
        """Close every connection, on any thread."""


class GenerationQuery(Protocol):
    """See pipeline.Generations."""

    latest: Generation | None

    def ask(self, told: Callable[[Generation | None], None]) -> None:
        """Have `told` called later, with the generation or None."""

    def close(self) -> None:
        """Close the connection, on any thread."""


@runtime_checkable
class Pipelines(Protocol):
    """A backend whose reads need not be waited for by a thread."""

    def reads(self, loop: asyncio.AbstractEventLoop, connections: int, observe: "Observe") -> Reads:
        """Reads on so many connections at most."""

    def generations(self, loop: asyncio.AbstractEventLoop) -> GenerationQuery:
        """What was committed so far, on a connection of its own."""


class BackendFactory(Protocol):
    """Makes the backend of one kind. Raises ValueError for a URL that it cannot use."""

    def __call__(self, url: str, *, readers: int) -> Backend: ...


Observe = Callable[[str, float], None] | None
"""Is told ("read" or "write", seconds)."""


def on_a_loop() -> bool:
    """Whether an event loop runs on this thread, which reads must not hold up."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
