"""`Checked` wraps any driver: it refuses what is not a stored path, times every operation, and is the one border at
which an OSError becomes a storage error. The extensions of the driver and of its writers pass through."""

from __future__ import annotations

import errno
import io
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import BinaryIO, TypeAlias, cast

from storage.digest import Buffer
from storage.driver import Adopts, Driver, LocalFiles, Multipart, Presigns, Root, Stat, Writer
from storage.errors import (
    Busy,
    DigestMismatch,
    Exists,
    Explained,
    InvalidPath,
    NoSpace,
    NotFound,
    OffsetMismatch,
    ReadOnly,
    StorageError,
    Unavailable,
    Unfit,
)

Observe: TypeAlias = Callable[[str, float, bool], None]
"""Told of every operation: its name, its seconds, and whether the storage worked (an answer counts as working)."""

# path      ::= component ("/" component)*      at most 1024 characters
# component ::= [A-Za-z0-9_] [A-Za-z0-9._-]*    at most 255 characters
# Nothing begins with a dot: ".." cannot be written, and such names are left to drivers.
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,254})*", re.ASCII)
_LONGEST = 1024

_ANSWERS = (NotFound, Exists, Busy, OffsetMismatch, Unfit, DigestMismatch)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}


def is_path(path: str) -> bool:
    """Whether it is of the grammar of stored paths."""
    return len(path) <= _LONGEST and _PATH.fullmatch(path) is not None


def check_path(path: str) -> None:
    """Raises InvalidPath."""
    if not is_path(path):
        raise InvalidPath(f"{path[:_LONGEST]!r} is not a stored path", path)


def translated(error: OSError, path: str) -> StorageError:
    """The storage error for what the system said."""
    reason = error.strerror or type(error).__name__
    if isinstance(error, Explained):
        return _explained(error, f"{path or 'the storage'}: {reason}", path)
    if error.errno in _FULL:
        return NoSpace(f"no space for {path or 'the storage'} ({reason}), free some and try again", path)
    if error.errno in _READ_ONLY:
        return ReadOnly(
            f"{path or 'the storage'} may not be changed or read ({reason}), check its mount and owner", path
        )
    if error.errno in _MISSING:
        return NotFound(f"{path or 'the storage'} is not there", path)
    if error.errno == errno.EEXIST:
        return Exists(f"{path} is there already", path)
    return Unavailable(f"the storage failed at {path or 'its root'} ({reason}), look at the system's log", path)


def _explained(error: Explained, message: str, path: str) -> StorageError:
    if error.errno in _FULL:
        return NoSpace(message, path)
    return (ReadOnly if error.errno in _READ_ONLY else Unavailable)(message, path)


class _Operation:
    """One call into the driver, as a context: timed, its OSError translated."""

    __slots__ = ("_name", "_observe", "_path", "_started")

    def __init__(self, observe: Observe | None, name: str, path: str) -> None:
        self._observe = observe
        self._name = name
        self._path = path

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = translated(error, self._path) if isinstance(error, OSError) else error
        if self._observe is not None:
            worked = outcome is None or isinstance(outcome, _ANSWERS)
            self._observe(self._name, time.perf_counter() - self._started, worked)
        if outcome is not None and outcome is not error:
            raise outcome from error


class _CheckedReader(io.RawIOBase):
    """Reading fails with storage errors too; `fileno()` is the file's own."""

    def __init__(self, reader: BinaryIO, path: str) -> None:
        self._reader = reader
        self._path = path

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._reader.read(size)
        except OSError as error:
            raise translated(error, self._path) from error

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: object, /) -> int:
        try:
            return cast(io.FileIO, self._reader).readinto(cast(bytearray, buffer)) or 0
        except OSError as error:
            raise translated(error, self._path) from error

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def fileno(self) -> int:
        return self._reader.fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._reader.close()
        super().close()


class _CheckedWriter:
    def __init__(self, writer: Writer, observe: Observe | None, path: str) -> None:
        self._writer = writer
        self._observe = observe
        self._path = path

    @property
    def size(self) -> int:
        return self._writer.size

    @property
    def doubtful(self) -> bool:
        return self._writer.doubtful

    def stat(self) -> Stat:
        with _Operation(self._observe, "stat", self._path):
            return self._writer.stat()

    def write(self, data: Buffer) -> None:
        with _Operation(self._observe, "write", self._path):
            self._writer.write(data)

    def commit(self, destination: str) -> str:
        check_path(destination)
        with _Operation(self._observe, "commit", destination):
            return self._writer.commit(destination)

    def rewind(self, size: int) -> None:
        with _Operation(self._observe, "rewind", self._path):
            self._writer.rewind(size)

    def suspend(self) -> str:
        with _Operation(self._observe, "suspend", self._path):
            return self._writer.suspend()

    def cancel(self) -> None:
        with _Operation(self._observe, "cancel", self._path):
            self._writer.cancel()


class Checked:
    """See the module. A driver stays what it is: `LocalFiles`, or `Adopts`, or both `Presigns` and `Multipart`."""

    def __new__(cls, driver: Driver, observe: Observe | None = None) -> Checked:
        if isinstance(driver, Adopts):
            return super().__new__(_CheckedFolder)
        if isinstance(driver, LocalFiles):
            return super().__new__(_CheckedLocal)
        return super().__new__(_CheckedObjects if isinstance(driver, Multipart) else cls)

    def __init__(self, driver: Driver, observe: Observe | None = None) -> None:
        self._driver = driver
        self._observe = observe

    @property
    def name(self) -> str:
        return self._driver.name

    @property
    def local(self) -> bool:
        return self._driver.local

    def stat(self, path: str) -> Stat:
        with self._operation("stat", path):
            return self._driver.stat(path)

    def open(self, path: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        with self._operation("open", path):
            return cast(BinaryIO, _CheckedReader(self._driver.open(path, offset, length), path))

    def read(self, path: str, limit: int) -> bytes:
        with self._operation("read", path):
            return self._driver.read(path, limit)

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        with self._operation("put", path):
            self._driver.put(path, data, durable=durable)

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        for path, _ in files:
            check_path(path)
        with _Operation(self._observe, "put_group", ""):
            found = self._driver.put_group(files, durable=durable)
        return [
            translated(error, path) if isinstance(error, OSError) else error
            for error, (path, _) in zip(found, files, strict=True)
        ]

    def sync(self) -> None:
        with _Operation(self._observe, "sync", ""):
            self._driver.sync()

    def create(self, path: str) -> Writer:
        with self._operation("create", path):
            return self._wrapped(self._driver.create(path), path)

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        with self._operation("resume", path):
            return self._wrapped(self._driver.resume(path, offset, state), path)

    def move(self, source: str, destination: str) -> None:
        check_path(destination)
        with self._operation("move", source):
            self._driver.move(source, destination)

    def delete(self, path: str) -> None:
        with self._operation("delete", path):
            self._driver.delete(path)

    def delete_tree(self, path: str) -> None:
        with self._operation("delete_tree", path):
            self._driver.delete_tree(path)

    def list(self, path: str) -> Iterator[str]:
        if path:
            check_path(path)
        # Read to its end here: an iterator would fail outside of the border.
        with _Operation(self._observe, "list", path):
            names = tuple(self._driver.list(path))
        return iter(names)

    def probe(self) -> None:
        with _Operation(self._observe, "probe", ""):
            self._driver.probe()

    def _operation(self, name: str, path: str) -> _Operation:
        check_path(path)
        return _Operation(self._observe, name, path)

    def _wrapped(self, writer: Writer, path: str) -> Writer:
        return _CheckedWriter(writer, self._observe, path)


class _CheckedLocal(Checked):
    def local_path(self, path: str) -> str:
        check_path(path)
        return cast(LocalFiles, self._driver).local_path(path)


class _CheckedFolder(_CheckedLocal):
    def open_folder(self, folder: str) -> Root:
        with self._operation("open_folder", folder):
            return cast(Adopts, self._driver).open_folder(folder)

    def adopt(self, path: str, destination: str, judge: Callable[[BinaryIO], None]) -> int:
        check_path(destination)
        with self._operation("adopt", path):
            return cast(Adopts, self._driver).adopt(path, destination, judge)

    def discard(self, path: str, before: float | None = None) -> bool:
        with self._operation("discard", path):
            return cast(Adopts, self._driver).discard(path, before)


class _CheckedObjects(Checked):
    def presign(self, path: str, seconds: int, headers: Mapping[str, str]) -> str:
        with self._operation("presign", path):
            return cast(Presigns, self._driver).presign(path, seconds, headers)

    def abandoned(self, before: float) -> Iterator[str]:
        with _Operation(self._observe, "abandoned", ""):
            found = tuple(cast(Multipart, self._driver).abandoned(before))
        return iter(found)

    def abort(self, upload: str) -> None:
        with _Operation(self._observe, "abort", upload.partition(" ")[0]):
            cast(Multipart, self._driver).abort(upload)

    def walk(self, path: str) -> Iterator[tuple[str, Stat]]:
        check_path(path)
        found = cast(Multipart, self._driver).walk(path)
        while True:
            with _Operation(None, "walk", path):
                one = next(found, None)
            if one is None:
                return
            yield one
