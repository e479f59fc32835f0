"""A driver around a driver that fails where it is told to: the n-th call of an operation raises an OSError."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from storage.digest import Buffer
from storage.driver import Driver, LocalFiles, Stat, Writer


@dataclass
class Faults:
    """Operations are named as the methods are; those of writers are write, commit, suspend, cancel."""

    _counts: dict[str, int] = field(default_factory=dict)
    _plan: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    _held: dict[str, threading.Event] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, operation: str, number: int, *, at: int = 1, times: int = 1) -> None:
        """From the `at`-th call from now, fail `times` calls with errno `number`."""
        with self._lock:
            first = self._counts.get(operation, 0) + at
            self._plan[operation] = (first, first + times, number)

    def hold(self, operation: str) -> threading.Event:
        """Let its next call wait until the event is set."""
        with self._lock:
            return self._held.setdefault(operation, threading.Event())

    def clear(self) -> None:
        with self._lock:
            self._plan.clear()

    def count(self, operation: str) -> int:
        """Calls so far."""
        return self._counts.get(operation, 0)

    def called(self, operation: str, path: str) -> None:
        with self._lock:
            count = self._counts[operation] = self._counts.get(operation, 0) + 1
            first, end, number = self._plan.get(operation, (0, 0, 0))
            held = self._held.pop(operation, None)
        if held is not None:
            held.wait()
        if first <= count < end:
            raise OSError(number, os.strerror(number), path)


class Faulty:
    """`faults` says what fails; a `LocalFiles` driver stays one."""

    def __new__(cls, driver: Driver, faults: Faults) -> Faulty:
        return super().__new__(_FaultyLocal if isinstance(driver, LocalFiles) else cls)

    def __init__(self, driver: Driver, faults: Faults) -> None:
        self._driver = driver
        self.faults = faults

    @property
    def name(self) -> str:
        return self._driver.name

    @property
    def local(self) -> bool:
        return self._driver.local

    def stat(self, path: str) -> Stat:
        self.faults.called("stat", path)
        return self._driver.stat(path)

    def open(self, path: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        self.faults.called("open", path)
        return self._driver.open(path, offset, length)

    def read(self, path: str, limit: int) -> bytes:
        self.faults.called("read", path)
        return self._driver.read(path, limit)

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        self.faults.called("put", path)
        self._driver.put(path, data, durable=durable)

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        """As `put` of each, and counted as such; those that are to fail do, the rest are stored."""
        found: list[Exception | None] = []
        for path, data in files:
            try:
                self.put(path, data)
            except OSError as error:
                found.append(error)
            else:
                found.append(None)
        return found

    def sync(self) -> None:
        self.faults.called("sync", "")
        self._driver.sync()

    def create(self, path: str) -> Writer:
        self.faults.called("create", path)
        return self._wrapped(self._driver.create(path), path)

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        self.faults.called("resume", path)
        return self._wrapped(self._driver.resume(path, offset, state), path)

    def move(self, source: str, destination: str) -> None:
        self.faults.called("move", source)
        self._driver.move(source, destination)

    def delete(self, path: str) -> None:
        self.faults.called("delete", path)
        self._driver.delete(path)

    def delete_tree(self, path: str) -> None:
        self.faults.called("delete_tree", path)
        self._driver.delete_tree(path)

    def list(self, path: str) -> Iterator[str]:
        self.faults.called("list", path)
        return self._driver.list(path)

    def probe(self) -> None:
        self.faults.called("probe", "")
        self._driver.probe()

    def _wrapped(self, writer: Writer, path: str) -> Writer:
        return _FaultyWriter(writer, self.faults, path)


class _FaultyLocal(Faulty):
    def local_path(self, path: str) -> str:
        return cast(LocalFiles, self._driver).local_path(path)


class _FaultyWriter:
    def __init__(self, writer: Writer, faults: Faults, path: str) -> None:
        self._writer = writer
        self._faults = faults
        self._path = path

    @property
    def size(self) -> int:
        return self._writer.size

    @property
    def doubtful(self) -> bool:
        return self._writer.doubtful

    def stat(self) -> Stat:
        return self._writer.stat()

    def write(self, data: Buffer) -> None:
        self._faults.called("write", self._path)
        self._writer.write(data)

    def commit(self, destination: str) -> str:
        self._faults.called("commit", self._path)
        return self._writer.commit(destination)

    def rewind(self, size: int) -> None:
        self._faults.called("rewind", self._path)
        self._writer.rewind(size)

    def suspend(self) -> str:
        try:
            self._faults.called("suspend", self._path)
        finally:
            state = self._writer.suspend()  # as close(2): what it says of an error, it has closed all the same
        return state

    def cancel(self) -> None:
        self._faults.called("cancel", self._path)
        self._writer.cancel()
