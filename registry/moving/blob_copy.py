"""Copies the bytes of blobs from one storage to another, several at a time, each verified by its digest on the way.

What the destination has with the right size is left, so a copy that was ended in any way goes on where it was. What is
copied is written aside and seen under its digest whole or not at all, as with a push. What cannot be read, or is not
what its digest says, is named, and left out if asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

from registry.metadata import blobs
from registry.metadata.blobs import Located
from registry.metadata.database import Database
from storage import paths
from storage.content import ContentStore, Ingest
from storage.digest import Digest
from storage.driver import Driver, Multipart
from storage.errors import (
    Damaged,
    DigestMismatch,
    Exists,
    NoSpace,
    NotFound,
    ReadOnly,
    StorageError,
    Unavailable,
)
from storage.ingest import NOTHING

REPOSITORY = "entrepot/copy"
"""Below whose uploads bytes are while they are copied; what a killed copy leaves there, expiry removes."""

PAGE = 1000
CHUNK = 1 << 20

MOST_FAILURES = 20
"""Blobs that could not be copied, after which the others are not tried."""

_LONGEST_NOTE = 1024


class Failure(NamedTuple):
    """A blob that could not be copied, and why; `damaged` when that is the fault of its bytes at the source."""

    digest: str
    reason: str
    damaged: bool


class Unreadable(StorageError):
    """The bytes at the source cannot be read; the cause says why."""


class Stopped(Exception):
    """The copy is being ended: what is half copied is given up."""


class CopyProgress:
    """What was done so far; `bytes` counts while a blob is copied. Safe to change from several threads."""

    def __init__(self) -> None:
        self.blobs = 0
        self.copied = 0
        self.bytes = 0
        self.failures: list[Failure] = []
        self._lock = threading.Lock()

    def passed(self, count: int) -> None:
        with self._lock:
            self.bytes += count

    def finished(self, *, copied: bool) -> None:
        with self._lock:
            self.blobs += 1
            self.copied += copied

    def failed(self, failure: Failure) -> None:
        with self._lock:
            self.failures.append(failure)


class BlobCopy:
    """From the storage of an index to another. `run` may be called again, for what has come since.

    `skip_damaged`: what cannot be read is no failure, but left out, and named in `skipped` with its reason.
    """

    def __init__(
        self,
        database: Database,
        source: ContentStore,
        destination: Driver,
        *,
        threads: int,
        verify: bool,
        skip_damaged: bool = False,
    ) -> None:
        self.progress = CopyProgress()
        self.skipped: dict[str, str] = {}
        self._database = database
        self._source = source
        self._listing = DestinationListing(destination)
        self._content = ContentStore(destination)
        self._threads = threads
        self._verify = verify
        self._skip_damaged = skip_damaged
        self._stop = threading.Event()
        self._places: dict[str, str] = {}
        """Of the blobs that are right at the destination."""

    def total(self) -> tuple[int, int]:
        """How many blobs there are to be at the destination, and their bytes."""
        return self._database.read_now(blobs.present_total)[:2]

    def place(self, digest: str) -> str | None:
        """Where a blob's bytes are at the destination, None for one that was skipped. Raises KeyError for another."""
        return None if digest in self.skipped else self._places[digest]

    def run(self) -> list[Failure]:
        """Copy all blobs that the index says are there now; those that could not be.

        Raises NoSpace and ReadOnly of the destination, Unavailable when the source is not there any more. An exception
        in this thread, Ctrl-C too, ends it after the bytes that are under way.
        """
        if not self._content.has_marker():
            self._content.write_marker()
        self._listing.look()
        self.progress.failures.clear()
        self._stop.clear()
        missing = ((digest, where) for digest, where in self._known() if digest not in self._places)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="copy") as pool:
            try:
                for _ in _windowed(pool, 4 * self._threads, self._one, missing):
                    if len(self.progress.failures) >= MOST_FAILURES:
                        break
            except BaseException:
                self._stop.set()
                raise
            finally:
                pool.shutdown(cancel_futures=True)
        return list(self.progress.failures)

    def _known(self) -> Iterator[tuple[str, Located]]:
        after, last = 0, self._database.read_now(blobs.present_total)[2]
        while page := self._database.read_now(lambda s: blobs.present_after(s, after, PAGE)):  # noqa: B023 - run at once
            for after, digest, where in page:
                if after > last:  # others push as fast as this copies: those are for the next run
                    return
                yield digest, where

    def _one(self, digest: str, where: Located) -> None:
        try:
            place, copied = self._settle(Digest.parse(digest), where)
        except (NoSpace, ReadOnly):
            raise
        except StorageError as error:
            # A blob may have been pushed again or taken out of sight meanwhile.
            now = self._database.read_now(lambda s: blobs.present(s, digest))
            if now is not None and now != where:
                self._one(digest, now)
            elif now is not None:
                self._failed(Failure(digest, str(error), self._is_damage(error)))
            return
        self.skipped.pop(digest, None)
        self._places[digest] = place
        self.progress.finished(copied=copied)

    def _failed(self, failure: Failure) -> None:
        if not self._source.has_marker():
            raise Unavailable("the storage to copy from is not where it was; is its disk mounted?")
        if self._skip_damaged and failure.damaged:
            self.skipped[failure.digest] = failure.reason
        else:
            self.progress.failed(failure)

    def _is_damage(self, error: StorageError) -> bool:
        """Whether it says something of the blob; another machine that does not answer says nothing of it."""
        if isinstance(error, Unreadable):
            return self._source.local or isinstance(error.__cause__, (Damaged, NotFound))
        return isinstance(error, DigestMismatch)

    def _settle(self, digest: Digest, where: Located) -> tuple[str, bool]:
        """Have the bytes at the destination: where, and whether they had to be copied."""
        place = self._listing.find(digest, where.size)
        if place is not None and self._verify:
            try:
                self._content.verify(digest, where.size, self._passed, place=place)
            except (Damaged, NotFound):
                place = None
        if place is not None:
            return place, False
        return self._copy(digest, where), True

    def _copy(self, digest: Digest, where: Located) -> str:
        with _reading():
            reader = self._source.open(digest, where.size, 0, where.size, place=where.place)
        with reader:
            ingest = self._begin(digest)
            try:
                while data := _read(reader):
                    ingest.write(data)
                    self._passed(len(data))
                return ingest.commit(digest).place
            except BaseException:
                ingest.cancel()
                raise

    def _passed(self, count: int) -> None:
        self.progress.passed(count)
        if self._stop.is_set():
            raise Stopped

    def _begin(self, digest: Digest) -> Ingest:
        """A new partial file; what a killed copy has left of it is removed. Raises Busy while another copies it."""
        path = paths.upload_data(REPOSITORY, digest.hex[:32])
        with suppress(Exists):
            return self._content.begin(path, digest.algorithm)
        self._content.resume(path, NOTHING, digest.algorithm).cancel()
        return self._content.begin(path, digest.algorithm)


class DestinationListing:
    """What the destination has. Where a look is a request to another machine, its files are listed, many at a time."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._sizes: dict[str, int] | None = None

    def look(self) -> None:
        """List what is there, once; what is copied afterwards is not looked for."""
        if self._sizes is None and isinstance(self._driver, Multipart):
            self._sizes = {}
            for folder in (paths.BLOBS, paths.PLACED):
                self._sizes.update((path, stat.size) for path, stat in self._driver.walk(folder))

    def find(self, digest: Digest, size: int) -> str | None:
        """The place of bytes of this size for the digest ("" is its own), or None."""
        if self._size(paths.blob_data(digest)) == size:
            return ""
        note = paths.placed_note(digest)
        if self._size(note) is None:
            return None
        with suppress(NotFound):
            place = self._driver.read(note, _LONGEST_NOTE).decode("ascii", "replace")
            if place.startswith(f"{paths.PLACED}/") and self._size(place) == size:
                return place
        return None

    def _size(self, path: str) -> int | None:
        if self._sizes is not None:
            return self._sizes.get(path)
        try:
            return self._driver.stat(path).size
        except NotFound:
            return None


@contextmanager
def _reading() -> Iterator[None]:
    """What fails meanwhile is Unreadable."""
    try:
        yield
    except StorageError as error:
        raise Unreadable(str(error)) from error


def _read(reader: BinaryIO) -> bytes:
    with _reading():
        return reader.read(CHUNK)


def _windowed(
    pool: ThreadPoolExecutor,
    most: int,
    work: Callable[[str, Located], None],
    items: Iterable[tuple[str, Located]],
) -> Iterator[None]:
    """Have the pool do all, with no more than `most` handed to it at a time; raises what one raises."""
    waiting: set[Future[None]] = set()
    for digest, where in items:
        waiting.add(pool.submit(work, digest, where))
        while len(waiting) >= most:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    for future in waiting:
        yield future.result()
