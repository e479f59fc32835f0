"""Bytes on their way in: a partial file and the hash of what it holds, always in step."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple

from storage import paths, threads
from storage.digest import Buffer, Digest, Hash, hasher
from storage.driver import Driver, Stat, Writer
from storage.errors import DigestMismatch, NotFound, StorageError

_CHUNK = 1024 * 1024

BESIDE = 1024 * 1024
"""Bytes from which a piece is written by a thread of its own, while it is hashed and the next one comes in."""

WRITERS = 64
"""Most pieces on their way to the storage at once; each has a thread, which waits for a disk or a bucket."""


@functools.cache
def _writers(process: int) -> ThreadPoolExecutor:
    """Threads that write, for this `process`: a fork has none of its parent's."""
    return ThreadPoolExecutor(WRITERS, thread_name_prefix="write", initializer=threads.begin)


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
    writer: str = ""
    """Where the driver is not local: what it wants to know to go on."""
    live: tuple[str, Hash] | None = field(default=None, compare=False, repr=False)
    """The algorithm and its running hash, for the process that made this state; not encoded."""

    def encode(self) -> str:
        known = [self.offset, self.digests, self.boot, self.modified]
        return json.dumps([*known, self.writer] if self.writer else known, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> IngestState:
        """What cannot be read is a state that knows nothing: it costs a reading of the file, never its truth."""
        try:
            offset, digests, boot, modified, *writer = json.loads(text)
            return cls(int(offset), dict(digests), str(boot), float(modified), str(writer[0]) if writer else "")
        except (ValueError, TypeError):
            return cls(0, {}, "")

    def fits(self, found: Stat) -> bool:
        """Whether its hashes are those of the file found."""
        return self.boot == BOOT and self.offset == found.size and self.modified == found.modified


NOTHING = IngestState(0, {}, BOOT)
"""Of an ingest that left no bytes."""


class Stored(NamedTuple):
    """A blob's size in bytes, and the place they are at; "" is the blob's own path."""

    size: int
    place: str


class Lost:
    """Stands where a running hash was: the file is read again when its digest is asked for."""

    __slots__ = ()

    def update(self, data: Buffer, /) -> None:
        """Nothing to keep in step."""


class Ingest:
    """Made by `ContentStore.begin` and `resume`; used by one thread at a time; ends with suspend, commit or cancel."""

    __slots__ = ("_algorithm", "_committed", "_driver", "_end", "_hash", "_known", "_path", "_pending", "_writer")

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
        self._committed = ""
        """Where the bytes are once they are written for good, and are still to be verified or to be noted."""
        self._pending: tuple[Future[None], Hash] | None = None
        """The piece on its way, and the hash once it is there."""
        self._end: IngestState | None = None

    @property
    def offset(self) -> int:
        """The bytes it holds, hashed or to be hashed from the file."""
        return self._writer.size

    def write(self, data: Buffer) -> None:
        """Append all of it, or raise with `offset` still true: suspend, cancel and another try work then."""
        self.feed(data)
        self.settle()

    def feed(self, data: Buffer) -> None:
        """The same, but a large piece may still be on its way when this returns.

        Its memory is used until the next call of anything, which raises what became of it.
        """
        self.settle()
        size = memoryview(data).nbytes
        if self._known and size:
            self._known.clear()
        if isinstance(self._hash, Lost) or size < BESIDE:
            self._append(data)
            self._hash.update(data)
            return
        running = self._hash.copy()  # so that a failure leaves the hash as it was
        self._pending = _writers(os.getpid()).submit(self._append, data), running
        running.update(data)

    def settle(self) -> None:
        """Wait for the piece that is on its way. Raises what `write` does."""
        if self._pending is None:
            return
        written, running = self._pending
        try:
            written.result()
        finally:
            if written.done():  # or the wait was interrupted: whatever comes next waits again
                self._pending = None
        self._hash = running

    def _append(self, data: Buffer) -> None:
        size = self._writer.size
        try:
            self._writer.write(data)
        except BaseException:
            self._compare(size)
            raise

    def _rehash(self) -> None:
        """What is hashed and what is in the file may differ: hash the file again when its digest is asked for."""
        self._hash = Lost()
        self._known.clear()

    # Ends

    def rewind(self, size: int, state: IngestState) -> IngestState:
        """End it with what it held when it had `size` bytes and `state` was kept; the state to keep now."""
        if self._driver.local:
            self.settle()
            self._writer.rewind(size)
            self._known = {}
            self._hash = hasher(self._algorithm) if not size else Lost()
            return self.suspend()
        with contextlib.suppress(StorageError, OSError):
            self.settle()
        self._end = state
        return state

    def suspend(self) -> IngestState:
        """Close it and keep the bytes; to resume takes the state. Again, or after another end: the same state."""
        if self._end is None:
            try:
                self.settle()
                # Before the lock is let go: afterwards the file may belong to another request.
                state = self._state()
            finally:
                writer = self._writer.suspend()
            self._end = replace(state, writer=writer) if writer else state
        return self._end

    def _state(self) -> IngestState:
        if self._writer.size == 0:
            return NOTHING
        found = self._writer.stat()
        digests = dict(self._known)
        if isinstance(self._hash, Lost):
            return IngestState(found.size, digests, BOOT, found.modified)
        digests[self._algorithm] = self._hash.hexdigest()
        return IngestState(found.size, digests, BOOT, found.modified, live=(self._algorithm, self._hash))

    def digest(self, algorithm: str) -> Digest:
        """Of all it holds; what is stored is read when that is not known by now. Raises InvalidDigest."""
        self.settle()
        known = self._digest(algorithm)
        if known is None:
            if not self._driver.local and not self._committed:
                self._commit(paths.placed(paths.placed_name(self._path)))
            with self._driver.open(self._committed or self._path) as reader:
                known = self._known[algorithm] = hash_reader(reader, algorithm, limit=self._writer.size)
        return Digest(algorithm, known)

    def _digest(self, algorithm: str) -> str | None:
        if algorithm == self._algorithm and not isinstance(self._hash, Lost):
            return self._hash.hexdigest()
        return self._known.get(algorithm)

    def commit(self, expected: Digest) -> Stored:
        """Verify, publish, make durable. Raises DigestMismatch, the ingest is cancelled then.

        After another error, `offset` says what is left: all, or nothing when the bytes may not have reached the disk.
        """
        actual = self.digest(expected.algorithm)
        if actual != expected:
            self.cancel()
            raise DigestMismatch(expected, actual)
        own = paths.blob_data(expected)
        if not self._committed:
            self._commit(own)
            if self._writer.doubtful:
                return self.commit(expected)  # there is another digest to compare now
        size, place = self._writer.size, self._committed
        if place != own:
            self._driver.put(paths.placed_note(expected), place.encode())
        self._end = NOTHING
        return Stored(size, "" if place == own else place)

    def _commit(self, destination: str) -> None:
        size = self._writer.size
        try:
            self._committed = self._writer.commit(destination)
        except BaseException:
            self._compare(size)
            raise
        if self._writer.doubtful:
            self._rehash()

    def cancel(self) -> None:
        """Remove the bytes; safe at any time, and does nothing after an end."""
        with contextlib.suppress(StorageError, OSError):
            self.settle()  # its memory is the caller's again; what became of it does not matter
        if self._end is None and self._committed and not self._writer.doubtful:
            with contextlib.suppress(NotFound):
                self._driver.delete(self._committed)
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
