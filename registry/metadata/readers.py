"""The connections that blocking reads run on."""

import contextlib
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from registry.metadata.backend import Backend, Connection
from registry.metadata.errors import DatabaseUnavailable
from registry.metadata.session import Generation, Session

T = TypeVar("T")

WAIT_SECONDS = 10.0
"""Seconds that a read waits for a connection when all are in use."""


class Readers(Protocol):
    """Runs reads; connects when it has to."""

    def run(self, fn: Callable[[Session], T]) -> T:
        """Run a read on the calling thread; raises what the driver raises."""

    def generation(self) -> Generation | None:
        """See Database.generation."""

    def close(self) -> None:
        """Close every connection, and refuse what comes after."""


class ThreadLocal:
    """For a database whose connections cost nothing: each thread keeps its own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._local = threading.local()
        self._gate = threading.Lock()
        self._connections: set[Connection] = set()
        self._closed = False
        self._opened = 0

    def run(self, fn: Callable[[Session], T]) -> T:
        session: Session | None = getattr(self._local, "session", None)
        try:
            return fn(self._connect() if session is None else session)
        except Exception as error:
            if self._backend.translate(error) is not None:
                self._drop()
            raise

    def generation(self) -> Generation | None:
        connection: Connection | None = getattr(self._local, "connection", None)
        return None if connection is None else (self._local.number, connection.generation())

    def close(self) -> None:
        with self._gate:
            self._closed = True
        self._local = threading.local()
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _connect(self) -> Session:
        with self._gate:
            if self._closed:
                raise DatabaseUnavailable("database is closed")
        connection = self._backend.connect(writer=False)
        with self._gate:
            self._connections.add(connection)
            self._opened += 1
            self._local.number = self._opened
        self._local.connection = connection
        self._local.session = session = connection.session
        return session

    def _drop(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        self._local.session = self._local.connection = None
        if connection is not None:
            with self._gate:
                self._connections.discard(connection)
            with contextlib.suppress(Exception):  # it is being thrown away
                connection.close()


class Pool:
    """For a database whose connections are processes of a server: no more than `most`, shared by all threads."""

    def __init__(self, backend: Backend, most: int) -> None:
        self._backend = backend
        self._most = most
        self._gate = threading.Lock()
        self._free = threading.Semaphore(most)
        self._idle: list[Connection] = []
        self._closed = False

    def run(self, fn: Callable[[Session], T]) -> T:
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise DatabaseUnavailable(f"all {self._most} connections to the database that may block are in use")
        try:
            try:
                return self._run(fn)
            except Exception as error:
                if not self._backend.lost(error):
                    raise
                self._forget()  # if one is gone, the others are likely to be
            return self._run(fn)
        finally:
            self._free.release()

    def generation(self) -> Generation | None:
        return None

    def close(self) -> None:
        with self._gate:
            self._closed = True
        self._forget()

    def _run(self, fn: Callable[[Session], T]) -> T:
        with self._gate:
            if self._closed:
                raise DatabaseUnavailable("database is closed")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._backend.connect(writer=False)
        try:
            result = fn(connection.session)
        except BaseException as error:
            if self._backend.translate(error) is None and not self._closed:
                self._give_back(connection)
            else:
                _discard(connection)
            raise
        self._give_back(connection)
        return result

    def _give_back(self, connection: Connection) -> None:
        with self._gate:
            if not self._closed:
                self._idle.append(connection)
                return
        _discard(connection)

    def _forget(self) -> None:
        with self._gate:
            idle, self._idle = self._idle, []
        for connection in idle:
            _discard(connection)


def _discard(connection: Connection) -> None:
    with contextlib.suppress(Exception):  # it is being thrown away
        connection.close()
