"""Everything in memory: a real driver for tests and trials; what it holds ends with the process."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from storage.digest import Buffer
from storage.driver import Stat, Writer
from storage.errors import Busy, Exists, NotFound, OffsetMismatch


@dataclass(slots=True)
class _File:
    data: bytes | bytearray
    modified: float


class MemoryDriver:
    """`path` is taken, so that a setting left over does no harm, and not used."""

    name = "memory"
    local = True

    def __init__(self, path: str = "") -> None:
        self._files: dict[str, _File] = {}
        self._locked: set[str] = set()
        self._lock = threading.Lock()

    def stat(self, path: str) -> Stat:
        file = self._find(path)
        return Stat(len(file.data), file.modified)

    def open(self, path: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        with self._lock:
            reader = io.BytesIO(bytes(self._find(path).data))
        reader.seek(offset)
        return reader

    def read(self, path: str, limit: int) -> bytes:
        with self._lock:
            return bytes(self._find(path).data[:limit])

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        with self._lock:
            self._files[path] = _File(bytes(data), time.time())

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        for path, data in files:
            self.put(path, data)
        return [None] * len(files)

    def sync(self) -> None:
        """Nothing outlives the process."""

    def create(self, path: str) -> Writer:
        with self._lock:
            if path in self._files:
                raise Exists(f"{path} was begun already, resume it", path)
            file = self._files[path] = _File(bytearray(), time.time())
            self._locked.add(path)
        return _MemoryWriter(self, path, file)

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        with self._lock:
            file = self._find(path)
            if path in self._locked:
                raise Busy(f"{path} is being written to, wait for it to end", path)
            if offset is not None and offset > len(file.data):
                raise OffsetMismatch(len(file.data), path)
            kept = file.data if offset is None else file.data[:offset]
            file.data = bytearray(kept)
            self._locked.add(path)
        return _MemoryWriter(self, path, file)

    def move(self, source: str, destination: str) -> None:
        with self._lock:
            self._find(source)
            self._files[destination] = self._files.pop(source)

    def delete(self, path: str) -> None:
        with self._lock:
            self._find(path)
            del self._files[path]

    def delete_tree(self, path: str) -> None:
        with self._lock:
            found = [name for name in self._files if name == path or name.startswith(f"{path}/")]
            for name in found:
                del self._files[name]
        if not found:
            raise NotFound(f"{path} is not there", path)

    def list(self, path: str) -> Iterator[str]:
        prefix = f"{path}/" if path else ""
        with self._lock:
            below = {name[len(prefix) :].partition("/")[0] for name in self._files if name.startswith(prefix)}
        return iter(sorted(below))

    def probe(self) -> None:
        """Nothing that could fail."""

    def append(self, file: _File, data: Buffer) -> None:
        with self._lock:
            assert isinstance(file.data, bytearray)
            file.data += data
            file.modified = time.time()

    def publish(self, path: str, destination: str) -> None:
        with self._lock:
            file = self._files.pop(path, None)
            if file is None:
                raise NotFound(f"{path} is not there", path)
            self._files[destination] = _File(bytes(file.data), time.time())
            self._locked.discard(path)

    def release(self, path: str, *, remove: bool) -> None:
        with self._lock:
            self._locked.discard(path)
            if remove:
                self._files.pop(path, None)

    def _find(self, path: str) -> _File:
        file = self._files.get(path)
        if file is None:
            raise NotFound(f"{path} is not there", path)
        return file


class _MemoryWriter:
    def __init__(self, driver: MemoryDriver, path: str, file: _File) -> None:
        self._driver = driver
        self._path = path
        self._file = file
        self._open = True

    @property
    def size(self) -> int:
        return len(self._file.data)

    @property
    def doubtful(self) -> bool:
        return False

    def stat(self) -> Stat:
        return Stat(len(self._file.data), self._file.modified)

    def write(self, data: Buffer) -> None:
        self._driver.append(self._file, data)

    def commit(self, destination: str) -> str:
        self._driver.publish(self._path, destination)
        self._open = False
        return destination

    def rewind(self, size: int) -> None:
        assert isinstance(self._file.data, bytearray)
        del self._file.data[size:]

    def suspend(self) -> str:
        self._end(remove=False)
        return ""

    def cancel(self) -> None:
        self._end(remove=True)

    def _end(self, *, remove: bool) -> None:
        if self._open:
            self._open = False
            self._driver.release(self._path, remove=remove)

    def __del__(self) -> None:
        self._end(remove=False)
