"""The door to the metadata: reads on a connection per thread, writes through one group-committing writer.

A process opens the database after it has forked. Several processes may have the same database open and write to it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import PoolProxiedConnection

from registry.metadata.backend import Backend
from registry.metadata.clock import now_ms
from registry.metadata.errors import DatabaseError, DatabaseUnavailable
from registry.metadata.models import probes
from registry.metadata.session import Session
from registry.metadata.sqlite import Sqlite
from registry.metadata.statement import Statement, insert_into, named
from registry.metadata.writer import GroupWriter

__all__ = ["BACKENDS", "Database", "Session", "backend_for"]

T = TypeVar("T")

BACKENDS: dict[str, Callable[[str], Backend]] = {"sqlite": Sqlite}
READ_THREADS = 8

_TOUCH = Statement(
    lambda dialect: (
        insert_into(dialect, probes)
        .values(named(("name", "at")))
        .on_conflict_do_update(index_elements=["name"], set_={"at": bindparam("at")})
    )
)
_TOUCHED = Statement(select(probes.c.at).where(probes.c.name == bindparam("name")))


def backend_for(url: str) -> Backend:
    """The backend that a URL names; ValueError lists the known ones."""
    try:
        kind = make_url(url).get_backend_name()
    except ArgumentError:
        kind = ""
    if kind not in BACKENDS:
        raise ValueError(f"database url {url!r} is of no known kind: known are {', '.join(sorted(BACKENDS))}")
    return BACKENDS[kind](url)


class Database:
    """Runs functions of a `Session`: reads at once, writes in groups."""

    def __init__(self, backend: Backend, observe: Callable[[str, float], None] | None) -> None:
        self._backend = backend
        self._dialect = backend.dialect
        self._observe = observe
        self._local = threading.local()
        self._gate = threading.Lock()
        self._readers: set[PoolProxiedConnection] = set()
        self._closed = False
        self._opened = 0
        self._pool: ThreadPoolExecutor | None = None
        self._writer = GroupWriter(backend, observe)
        self.inline_reads = backend.inline_reads

    @classmethod
    def open(cls, url: str, *, observe: Callable[[str, float], None] | None = None) -> "Database":
        """The database at this URL; nothing is connected yet. `observe` is told ("read" or "write", seconds)."""
        return cls(backend_for(url), observe)

    def read_now(self, fn: Callable[[Session], T]) -> T:
        """Run a read on this thread. Each statement sees the newest commit."""
        observe = self._observe
        started = perf_counter() if observe is not None else 0.0
        try:
            session: Session | None = getattr(self._local, "session", None)
            result = fn(self._reader() if session is None else session)
        except Exception as error:
            ours = self._backend.translate(error)
            if ours is None or isinstance(error, DatabaseError):
                raise
            self._drop_reader()
            raise ours from error
        if observe is not None:
            observe("read", perf_counter() - started)
        return result

    def generation(self) -> tuple[int, int] | None:
        """What this thread's reads see now: while it stays the same, nothing was committed, by any process.

        None where the database cannot tell, or nothing was read yet. Far cheaper than a read, and as fresh.
        """
        session: Session | None = getattr(self._local, "session", None)
        if session is None or not self._backend.generation:
            return None
        try:
            return session.generation(self._backend.generation)
        except Exception as error:
            if self._backend.translate(error) is None:
                raise
            return None  # the read that comes next says it

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run a read without blocking the event loop for longer than an indexed read takes."""
        if self.inline_reads:
            return self.read_now(fn)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="metadata-read")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read_now, fn)

    async def write(self, fn: Callable[[Session], T], *, durable: bool = True) -> T:
        """Run a write and wait until it is committed; durable means that it has reached the disk.

        A caller that is cancelled meanwhile does not undo the write.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._writer.submit(fn, durable, loop, future)
        return await future

    def write_for(
        self, fn: Callable[[Session], T], loop: asyncio.AbstractEventLoop, future: "asyncio.Future[T]"
    ) -> None:
        """A durable write begun on any thread, whose outcome goes to a future of this loop."""
        self._writer.submit(fn, True, loop, future)

    def write_now(self, fn: Callable[[Session], T], durable: bool = True) -> T:
        """The same for a thread that may block."""
        future: Future[T] = Future()
        self._writer.submit(fn, durable, None, future)
        return future.result()

    def check(self) -> None:
        """Write and read a row; raises DatabaseError when the database does not do both. Blocks: not for the loop."""
        at = now_ms()
        self.write_now(lambda s: s.run(_TOUCH, name="ready", at=at), durable=False)
        self.read_now(lambda s: s.one(_TOUCHED, name="ready"))

    def close(self) -> None:
        """Commit what is queued and close every connection; harmless when closed already."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
        self._writer.close()
        if self._pool is not None:
            self._pool.shutdown()
        self._backend.close()
        self._local = threading.local()
        for connection in self._readers:
            connection.close()
        self._readers.clear()

    def _reader(self) -> Session:
        with self._gate:
            if self._closed:
                raise DatabaseUnavailable("database is closed")
        connection = self._backend.connect(writer=False)
        with self._gate:
            self._readers.add(connection)
            self._opened += 1
            opened = self._opened
        self._local.connection = connection
        self._local.session = session = Session(connection.cursor(), self._dialect, opened)
        return session

    def _drop_reader(self) -> None:
        connection: PoolProxiedConnection | None = getattr(self._local, "connection", None)
        self._local.session = self._local.connection = None
        if connection is not None:
            with self._gate:
                self._readers.discard(connection)
            with contextlib.suppress(Exception):  # it is being thrown away
                connection.close()
