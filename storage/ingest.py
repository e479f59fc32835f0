"""Bytes on their way in: a partial file and the hash of what it holds, always in step."""

from __future__ import annotations

import functools
import json
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO

from storage import paths
from storage.digest import Buffer, Digest, Hash, hasher
from storage.driver import Driver, Stat, Writer
from storage.errors import DigestMismatch

_CHUNK = 1024 * 1024

BESIDE = 1024 * 1024
"""Bytes from which a piece is hashed while it is written: the disk is waited for anyway."""


@functools.cache
def _hashing(process: int) -> ThreadPoolExecutor:
    """Threads that hash, for this `process`: a fork has none of its parent's. More than cores would be of no use."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="hash")


def _this_boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return secrets.token_hex(16)  # believed by this process alone


BOOT = _this_boot()


@dataclass(frozen=True, slots=True)
class IngestState:
    """What is known of a suspended partial file; `encode` it to keep it. The default state knows nothing."""

    offset: int
    digests: dict[str, str]
    boot: str
    modified: float = 0.0
    live: tuple[str, Hash] | None = field(default=None, compare=False, repr=False)
    """The algorithm and its running hash, for the process that made this state; not encoded."""

    def encode(self) -> str:
        return json.dumps([self.offset, self.digests, self.boot, self.modified], separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> IngestState:
        """What cannot be read is a state that knows nothing: it costs a reading of the file, never its truth."""
        try:
            offset, digests, boot, modified = json.loads(text)
            return cls(int(offset), dict(digests), str(boot), float(modified))
        except (ValueError, TypeError):
            return cls(0, {}, "")

    def fits(self, found: Stat) -> bool:
        """Whether its hashes are those of the file found."""
        return self.boot == BOOT and self.offset == found.size and self.modified == found.modified


NOTHING = IngestState(0, {}, BOOT)
"""Of an ingest that left no bytes."""


class Lost:
    """Stands where a running hash was: the file is read again when its digest is asked for."""

    __slots__ = ()

    def update(self, data: Buffer, /) -> None:
        """Nothing to keep in step."""


class Ingest:
    """Made by `ContentStore.begin` and `resume`; used by one thread at a time; ends with suspend, commit or cancel."""

    __slots__ = ("_algorithm", "_driver", "_end", "_hash", "_known", "_path", "_writer")

    def __init__(
        self,
        driver: Driver,
        path: str,
        writer: Writer,
        algorithm: str,
        running: Hash | Lost,
        known: dict[str, str] | None = None,
    ) -> None:
        self._driver = driver
        self._path = path
        self._writer = writer
        self._algorithm = algorithm
        self._hash = running
        self._known = dict(known or {})
        self._end: IngestState | None = None

    @property
    def offset(self) -> int:
        """The bytes it holds, hashed or to be hashed from the file."""
        return self._writer.size

    def write(self, data: Buffer) -> None:
        """Append all of it, or raise with `offset` still true: suspend, cancel and another try work then."""
        if isinstance(self._hash, Lost) or memoryview(data).nbytes < BESIDE:
            self._append(data)
            self._hash.update(data)
        else:
            self._hash = self._append_hashing(data, self._hash.copy())
        if self._known:
            self._known.clear()

    def _append(self, data: Buffer) -> None:
        size = self._writer.size
        try:
            self._writer.write(data)
        except BaseException:
            self._compare(size)
            raise

    def _append_hashing(self, data: Buffer, running: Hash) -> Hash:
        """The same, and `running` taken on meanwhile; it is a copy, so that a failure leaves the hash as it was."""
        hashed = _hashing(os.getpid()).submit(running.update, data)
        try:
            self._append(data)
        finally:
            hashed.result()  # in any case: the caller uses the memory again
        return running

    def _rehash(self) -> None:
        """What is hashed and what is in the file may differ: hash the file again when its digest is asked for."""
        self._hash = Lost()
        self._known.clear()

    # Ends

    def suspend(self) -> IngestState:
        """Close it and keep the bytes; whoever resumes wants the state. Again, or after another end: the same state."""
        if self._end is None:
            try:
                # Before the lock is let go: afterwards the file may be somebody else's.
                self._end = self._state()
            finally:
                self._writer.suspend()
        return self._end

    def _state(self) -> IngestState:
        if self._writer.size == 0:
            return NOTHING
        found = self._writer.stat()
        digests = dict(self._known)
        if isinstance(self._hash, Lost):
            return IngestState(found.size, digests, BOOT, found.modified)
        digests[self._algorithm] = self._hash.hexdigest()
        return IngestState(found.size, digests, BOOT, found.modified, (self._algorithm, self._hash))

    def digest(self, algorithm: str) -> Digest:
        """Of all it holds; the file is read when that is not known by now. Raises InvalidDigest."""
        if algorithm == self._algorithm and not isinstance(self._hash, Lost):
            return Digest(algorithm, self._hash.hexdigest())
        if algorithm not in self._known:
            with self._driver.open(self._path) as reader:
                self._known[algorithm] = hash_reader(reader, algorithm, limit=self._writer.size)
        return Digest(algorithm, self._known[algorithm])

    def commit(self, expected: Digest) -> int:
        """Verify, publish, make durable; the size. Raises DigestMismatch, the ingest is cancelled then.

        After another error, `offset` says what is left: all, or nothing when the bytes may not have reached the disk.
        """
        actual = self.digest(expected.algorithm)
        if actual != expected:
            self.cancel()
            raise DigestMismatch(expected, actual)
        size = self._writer.size
        try:
            self._writer.commit(paths.blob_data(expected))
        except BaseException:
            self._compare(size)
            raise
        self._end = NOTHING
        return size

    def cancel(self) -> None:
        """Remove the bytes; safe at any time, and does nothing after an end."""
        self._writer.cancel()
        self._end = self._end or NOTHING

    def _compare(self, size: int) -> None:
        """After a failure: a file that is not as long as it was is not what was hashed."""
        if self._writer.size != size:
            self._rehash()


def hash_reader(
    reader: BinaryIO, algorithm: str, pace: Callable[[int], None] | None = None, limit: int | None = None
) -> str:
    """The hexadecimal hash of what it has, up to `limit` bytes."""
    running = hasher(algorithm)
    left = limit
    while left is None or left > 0:
        data = reader.read(_CHUNK if left is None else min(_CHUNK, left))
        if not data:
            break
        running.update(data)
        if left is not None:
            left -= len(data)
        if pace is not None:
            pace(len(data))
    return running.hexdigest()
