"""The metadata database: reads, and writes through one group-committing writer.

A process opens the database after it has forked. Several processes may have the same database open and write to it.
"""

import asyncio
import importlib
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter, sleep
from typing import TypeVar

from sqlalchemy import bindparam, select

from registry.metadata.backend import Backend, BackendFactory, GenerationQuery, Observe, Pipelines, Reads, on_a_loop
from registry.metadata.clock import now_ms
from registry.metadata.errors import DatabaseError, DatabaseLocked, DatabaseUnavailable
from registry.metadata.models import probes
from registry.metadata.readers import Pool, Readers, ThreadLocal
from registry.metadata.session import Generation, Session
from registry.metadata.statement import Statement, insert_into, named
from registry.metadata.writer import GroupWriter

__all__ = ["BACKENDS", "Database", "Session", "backend_for"]

T = TypeVar("T")

BACKENDS = {
    "sqlite": ("registry.metadata.sqlite", "Sqlite", ""),
    "postgresql": ("registry.metadata.postgres.backend", "Postgres", "postgres"),
}
"""By the scheme of their URL: module, class, and the extra of the package that brings what the module needs."""

READERS = 8

LOCKED_SECONDS, LOCKED_PAUSE_SECONDS = 10.0, 0.01
"""How long a read off the event loop waits for a database that another program has locked, and between two tries."""

_TOUCH = Statement(
    lambda dialect: (
        insert_into(dialect, probes)
        .values(named(("name", "at")))
        .on_conflict_do_update(index_elements=["name"], set_={"at": bindparam("at")})
    )
)
_TOUCHED = Statement(select(probes.c.at).where(probes.c.name == bindparam("name")))


def backend_for(url: str, *, readers: int = READERS) -> Backend:
    """The backend that a URL names; ValueError lists the known ones, or says what has to be installed."""
    kind, _, rest = url.partition("://")  # the rest may hold a password
    if kind not in BACKENDS or not rest:
        raise ValueError(f"database url {kind}:// is not supported, use one of {', '.join(sorted(BACKENDS))}")
    module, name, extra = BACKENDS[kind]
    try:
        factory: BackendFactory = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if not extra:
            raise
        raise ValueError(
            f'a database url {kind}:// needs {error.name}: install it with pip install "entrepot[{extra}]"'
        ) from error
    return factory(url, readers=readers)


class Database:
    """Runs functions of a `Session`: reads at once, writes in groups."""

    def __init__(self, backend: Backend, observe: Observe) -> None:
        self._backend = backend
        self._observe = observe
        self._blocking = max(1, backend.readers // 4)
        self._readers: Readers = ThreadLocal(backend) if backend.inline_reads else Pool(backend, self._blocking)
        self._closed = False
        self._reads: Reads | None = None
        self._generation_query: GenerationQuery | None = None
        self._writer = GroupWriter(backend, observe)
        self.inline_reads = backend.inline_reads

    @classmethod
    def open(cls, url: str, *, observe: Observe = None, readers: int = READERS) -> "Database":
        """The database at this URL; nothing is connected yet. At most so many connections read at the same time."""
        return cls(backend_for(url, readers=readers), observe)

    def read_now(self, fn: Callable[[Session], T]) -> T:
        """Run a read on this thread. Each statement sees the newest commit."""
        observe = self._observe
        started = perf_counter() if observe is not None else 0.0
        try:
            result = self._readers.run(fn)
        except Exception as error:
            ours = self._backend.translate(error)
            if isinstance(ours, DatabaseLocked) and not on_a_loop():
                return self._read_patiently(fn)
            if ours is None or isinstance(error, DatabaseError):
                raise
            raise ours from error
        if observe is not None:
            observe("read", perf_counter() - started)
        return result

    def _read_patiently(self, fn: Callable[[Session], T]) -> T:
        deadline = perf_counter() + LOCKED_SECONDS
        while True:
            sleep(LOCKED_PAUSE_SECONDS)
            try:
                return self._readers.run(fn)
            except Exception as error:
                ours = self._backend.translate(error)
                if isinstance(ours, DatabaseLocked) and perf_counter() < deadline:
                    continue
                if ours is None:
                    raise
                raise ours from error

    def generation(self) -> Generation | None:
        """What this thread's reads see now: while it stays the same, nothing was committed, by any process.

        None where the database cannot tell at once, or nothing was read yet. Far cheaper than a read, and as fresh.
        """
        try:
            return self._readers.generation()
        except Exception as error:
            if self._backend.translate(error) is None:
                raise
            return None  # the read that comes next says it

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run a read without blocking the event loop for longer than an indexed read takes."""
        if self.inline_reads:
            try:
                return self.read_now(fn)
            except DatabaseLocked:
                return await asyncio.to_thread(self.read_now, fn)
        try:
            result: T = await self._pipelined().read(fn)
        except Exception as error:
            raise self._named(error) from error
        return result

    def read_soon(self, fn: Callable[[Session], T], done: Callable[[T | None, BaseException | None], None]) -> None:
        """The same for a callback, called later on this event loop. Only where reads are not inline."""

        def named(result: T | None, error: BaseException | None) -> None:
            done(result, None if error is None else self._named(error))

        try:
            self._pipelined().start(fn, named)
        except DatabaseUnavailable as error:
            asyncio.get_running_loop().call_soon(done, None, error)

    def generation_soon(self, told: Callable[[Generation | None], None]) -> None:
        """What `generation` says, for a callback, called later on this event loop. Only where reads are not inline.

        Those who ask at the same time share one query, which begins after they have asked.
        """
        try:
            self._shared().ask(told)
        except DatabaseUnavailable:
            asyncio.get_running_loop().call_soon(told, None)

    def latest_generation(self) -> Generation | None:
        """What `generation_soon` said last: not fresh, but nothing that is read from now on is older."""
        return None if self._generation_query is None else self._generation_query.latest

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

    def write_now(self, fn: Callable[[Session], T], durable: bool = True, *, always: bool = False) -> T:
        """The same for a thread that may block; `always`: also in a read-only window."""
        future: Future[T] = Future()
        self._writer.submit(fn, durable, None, future, always)
        return future.result()

    @property
    def durable_writes(self) -> int:
        """How many this process has asked for: while it stays the same, no client's push or delete came here."""
        return self._writer.durable_writes

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have `call` called after each commit of this process, on another thread; it must be quick and not raise."""
        self._writer.after_commit = call

    def check(self) -> None:
        """Write and read a row; raises DatabaseError when the database does not do both. Blocks: not for the loop."""
        at = now_ms()
        self.write_now(lambda s: s.run(_TOUCH, name="ready", at=at), durable=True, always=True)
        self.read_now(lambda s: s.one(_TOUCHED, name="ready"))

    def close(self) -> None:
        """Commit what is queued and close every connection; harmless when closed already."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        for opened in (self._generation_query, self._reads):
            if opened is not None:
                opened.close()
        self._backend.close()
        self._readers.close()

    def _pipelined(self) -> Reads:
        loop = asyncio.get_running_loop()
        if self._reads is None or self._reads.loop is not loop:
            if self._closed:
                raise DatabaseUnavailable("database is closed")
            assert isinstance(self._backend, Pipelines)
            connections = max(1, self._backend.readers - self._blocking - 1)  # one is for the generation
            self._reads = self._backend.reads(loop, connections, self._observe)
        return self._reads

    def _shared(self) -> GenerationQuery:
        if self._generation_query is None:
            if self._closed:
                raise DatabaseUnavailable("database is closed")
            assert isinstance(self._backend, Pipelines)
            self._generation_query = self._backend.generations(asyncio.get_running_loop())
        return self._generation_query

    def _named(self, error: BaseException) -> BaseException:
        ours = None if isinstance(error, DatabaseError) else self._backend.translate(error)
        return error if ours is None else ours
