"""A blob on its way into the bucket. Bytes are gathered into parts, which are sent while more arrive; what never fills
a part is one object in the end, put in one request; committing never copies.

    write      into memory; a full part is sent in another thread, two at a time; the first begins the upload
    suspend    all parts are there, what is left over goes into the state, or into a small object (a tail)
    commit     the last part, and the upload is complete at the place where its parts were sent to

A process may die in its commit, before it says so. Who goes on then with what was kept before finds no upload, but all
of its bytes at its place: those that come again are let pass, and what is there is read in the end (`doubtful`).

What is in memory stays there until S3 has said that it has it, so that whatever failed is tried again by the next call.
A state stays good until the next one is kept: the tails it names are removed later still.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
from collections import deque
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from functools import partial

from storage import paths
from storage.digest import Buffer
from storage.driver import Stat
from storage.drivers.s3.bucket import Bucket, Part
from storage.drivers.s3.parts import State, part_size
from storage.drivers.s3.reader import S3Reader
from storage.errors import NotFound

INLINE = 64 * 1024
"""Bytes that a state may hold itself."""

MOST_TAILS = 16
"""Tails after which they are put together: each is read again when its part is full."""

AT_ONCE = 2
"""Parts on their way at a time; one of those over `LARGE`."""

LARGE = 64 << 20


@dataclass(slots=True)
class _Sent:
    """A part on its way, and its bytes as long as it is."""

    number: int
    data: bytearray
    answer: futures.Future[Part] | None = None


class S3Writer:
    """`path` is the upload's; used by one thread at a time."""

    def __init__(self, bucket: Bucket, path: str, state: State) -> None:
        self._bucket = bucket
        self._path = path
        self._state = state
        self._old, state.stale = state.stale, []
        """Tails that no kept state needs any more."""
        self._rest = bytearray(state.inline)
        """What follows the tails."""
        self._sent: deque[_Sent] = deque()
        self._uploaded = sum(part.size for part in state.parts)
        self._kept: str | None = None
        self._doubtful = state.done >= 0

    @property
    def size(self) -> int:
        if self._state.done >= 0:
            return self._state.size
        return self._uploaded + sum(len(part.data) for part in self._sent) + self._left_over()

    @property
    def doubtful(self) -> bool:
        return self._doubtful

    def stat(self) -> Stat:
        return Stat(self.size, 0.0)

    def write(self, data: Buffer) -> None:
        view = memoryview(data).cast("B")
        full = self._next_size()
        if self._state.done < 0 and self._left_over() + len(view) >= full:
            # All that can fail comes before the first byte is taken.
            with self._perhaps_complete():
                self._wait(_at_once(full) - 1)
                self._begin()
                self._load_tails()
                view = self._fill(view, full)
        if self._state.done < 0:
            self._rest += view
        elif self.size + len(view) > self._state.done:
            raise OSError(errno.EROFS, "it is complete, and cannot be appended to")
        else:
            self._state.received = self.size + len(view)

    def _fill(self, view: memoryview, full: int) -> memoryview:
        """Send every part that gets full; what of `view` is left over."""
        while len(self._rest) + len(view) >= full:
            room = full - len(self._rest)
            self._rest += view[:room]
            view = view[room:]
            part = _Sent(self._next_number(), self._rest)
            self._rest = bytearray()
            self._send(part)
            self._sent.append(part)
            full = self._next_size()
            running = [sent.answer for sent in self._sent if sent.answer is not None and not sent.answer.done()]
            if len(running) > _at_once(full):
                futures.wait(running[: len(running) - _at_once(full)])
        return view

    def commit(self, destination: str) -> str:
        state = self._state
        if state.done < 0:
            with self._perhaps_complete(destination):
                self._load_tails()
                if state.upload:
                    self._complete()
                else:
                    self._bucket.put(destination, self._rest)
                    state.place, state.done = destination, len(self._rest)
        if self.size != state.done:
            raise FileNotFoundError(errno.ENOENT, "it is complete, with more bytes than have come")
        unneeded = [*self._old, *state.stale]
        state.stale = []
        self._end()
        self._remove(unneeded)
        return state.place

    def rewind(self, size: int) -> None:
        raise OSError(errno.ESPIPE, "parts cannot be taken back, go on with the state before")

    def suspend(self) -> str:
        if self._kept is None:
            if self._state.done < 0:
                with self._perhaps_complete():
                    self._wait(0)
                    self._keep_rest()
            self._end()
            self._remove(self._old)
        return self._kept or ""

    def cancel(self) -> None:
        if self._kept is not None:
            return
        state = self._state
        futures.wait([part.answer for part in self._sent if part.answer is not None])
        self._sent.clear()
        self._kept = ""
        with contextlib.suppress(OSError):  # the orphan sweeper finds it
            # What is complete may be a blob by now, should another have gone on with the upload.
            if state.upload and state.done < 0:
                self._bucket.abort(state.place, state.upload)
        self._remove([*self._old, *state.stale, *(path for path, _ in state.tails)])

    def _end(self) -> None:
        nothing = not self.size and not self._state.upload and self._state.done < 0
        self._kept = "" if nothing else self._state.encode()
        self._rest = bytearray()

    # Parts

    def _left_over(self) -> int:
        return sum(size for _, size in self._state.tails) + len(self._rest)

    def _next_number(self) -> int:
        return len(self._state.parts) + len(self._sent) + 1

    def _next_size(self) -> int:
        return part_size(self._next_number(), self._bucket.settings.part_size)

    def _begin(self) -> None:
        if not self._state.upload:
            place = paths.placed(paths.placed_name(self._path))
            self._state.upload = self._bucket.begin(place)
            self._state.place = place

    def _send(self, part: _Sent) -> None:
        place, upload = self._state.place, self._state.upload
        work = partial(self._bucket.send, place, upload, part.number, part.data)
        part.answer = self._bucket.submit(work, large=True)

    def _wait(self, most: int) -> None:
        """Until no more than so many parts are on their way; one that failed is sent again by the next call."""
        while len(self._sent) > most:
            first = self._sent[0]
            if first.answer is None:
                self._send(first)
            assert first.answer is not None
            try:
                part = first.answer.result()
            except BaseException:
                first.answer = None
                raise
            self._sent.popleft()
            self._state.parts.append(part)
            self._uploaded += part.size

    def _complete(self) -> None:
        state, size = self._state, self.size
        # It stays the rest until all is complete: should more be appended after a failure, it is not the last.
        last = _Sent(self._next_number(), self._rest)
        if self._rest:
            self._send(last)
        try:
            self._wait(0)
        finally:
            if last.answer is not None:
                futures.wait([last.answer])
        parts = state.parts if last.answer is None else [*state.parts, last.answer.result()]
        self._bucket.complete(state.place, state.upload, parts)
        state.done = size

    @contextlib.contextmanager
    def _perhaps_complete(self, destination: str = "") -> Iterator[None]:
        """What fails within because the upload is no more does not fail when another has completed it."""
        kept, state = self._state.upload, self._state
        try:
            yield
        except (FileNotFoundError, NotFound):
            received = self.size
            place, found = self._completed(received, destination)
            if not place:
                raise
            futures.wait([part.answer for part in self._sent if part.answer is not None])
            if state.upload != kept:  # begun just now
                with contextlib.suppress(OSError):
                    self._bucket.abort(state.place, state.upload)
            self._sent.clear()
            self._rest = bytearray()
            state.stale += [path for path, _ in state.tails]
            state.tails = []
            state.place, state.done, state.received = place, found, received
            self._doubtful = True  # by whom, and with what, is not known

    def _completed(self, least: int, destination: str) -> tuple[str, int]:
        """Where so many bytes of this upload are or more, and how many; "" where there are not."""
        for place in filter(None, (self._state.place, destination)):
            with contextlib.suppress(NotFound):
                if (size := self._bucket.stat(place).size) >= least:
                    return place, size
        for place, stat in self._bucket.starting(paths.placed(paths.upload_mark(self._path))):
            if stat.size >= least:
                return place, stat.size
        return "", -1

    # Tails

    def _keep_rest(self) -> None:
        state = self._state
        if len(self._rest) > INLINE:
            if len(state.tails) >= MOST_TAILS:
                self._load_tails()
            path = f"{self._path}.{secrets.token_hex(8)}"
            self._bucket.put(path, self._rest)
            state.tails.append((path, len(self._rest)))
            self._rest = bytearray()
        state.inline = bytes(self._rest)

    def _load_tails(self) -> None:
        state = self._state
        if not state.tails:
            return
        reading = [self._bucket.submit(partial(_read, self._bucket, path)) for path, _ in state.tails]
        found = [one.result() for one in reading]
        if [len(data) for data in found] != [size for _, size in state.tails]:
            raise FileNotFoundError(errno.ENOENT, "what was kept of the upload is not what is there")
        self._rest = bytearray().join([*found, self._rest])
        state.stale += [path for path, _ in state.tails]
        state.tails = []

    def _remove(self, tails: list[str]) -> None:
        for path in tails:
            with contextlib.suppress(OSError):  # the rest of the upload's folder goes with its session
                self._bucket.delete(path)


def _at_once(size: int) -> int:
    """How many parts of that size may be on their way."""
    return AT_ONCE if size <= LARGE else 1


def _read(bucket: Bucket, path: str) -> bytes:
    with S3Reader(bucket, path) as reader:
        return reader.readall()
