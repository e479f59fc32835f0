"""The bytes of upload sessions: a partial file each, and before it a buffer where there are few.

Called by one request at a time for each session of a worker; what opens a file or reads a bucket is for threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import suppress

from registry.services.actor import Actor
from registry.services.uploads.buffers import Buffer, Buffers, Taken
from registry.services.uploads.life import Life
from registry.services.uploads.session import UploadSession, busy
from storage.content import ContentStore, Ingest
from storage.errors import Busy, Exists, NotFound

BUFFERED_BYTES = 64 * 1024
"""Of one session, at most."""

BUFFERED_ALL_BYTES = 32 << 20
"""Of all sessions that this worker has buffered."""

ATTEMPTS = 4
"""A partial file may come and go between two looks, while another worker opens it too."""

Check = Callable[[int], None]
"""Looks at the offset that a request finds; raises RangeInvalid."""


class PartialFiles:
    """`buffers`: None where rows hold what is small."""

    def __init__(self, content: ContentStore, buffers: Buffers | None) -> None:
        self._content = content
        self._buffers = buffers
        self._buffered: dict[str, int] = {}
        self._buffered_all = 0

    def size(self, session: UploadSession) -> int:
        """The bytes it holds."""
        if not self._content.local:
            return session.state.offset
        return self.buffered(session) or self._content.partial_size(session.path)

    def buffered(self, session: UploadSession) -> int:
        """Those of them that are in memory."""
        return 0 if self._buffers is None else self._buffers.size(session.id)

    def holds(self, session: UploadSession) -> bool:
        """Whether bytes of it are here, without asking its row."""
        return self._content.local and self.size(session) > 0

    def is_taken(self, session: UploadSession) -> bool:
        """Whether another worker is writing to its partial file, as far as its lock says."""
        try:
            self._content.resume(session.path, session.state, session.row.algorithm).suspend()
        except Busy:
            return True
        except NotFound:
            return False
        return False

    # In memory

    @contextlib.contextmanager
    def buffer(self, session: UploadSession, *, make: bool = False) -> Iterator[Buffer | None]:
        """Its buffer, for the caller alone; None where it has none. Raises TooManyRequests."""
        if self._buffers is None:
            yield None
            return
        try:
            with self._buffers.open(session.id, make=make) as found:
                yield found
        except Taken as error:
            raise busy() from error

    def is_buffer_taken(self, session: UploadSession) -> bool:
        """Whether another request has its buffer, or a worker that writes it down."""
        return self._buffers is not None and self._buffers.is_taken(session.id)

    def append_small(self, session: UploadSession, data: bytes, check: Check) -> bool:
        """Append to its buffer; False where the bytes have to go into the partial file."""
        total = session.buffered + len(data)
        if self._buffers is None or session.life is Life.PARTIAL or total > BUFFERED_BYTES:
            return False
        if self._buffered_all + len(data) > BUFFERED_ALL_BYTES:
            return False
        with self.buffer(session, make=True) as buffer:
            assert buffer is not None
            before = len(buffer.data)
            if before + len(data) > BUFFERED_BYTES:
                return False
            if not before and self._buffers.shared and self._content.has_partial(session.path):
                buffer.remove()  # another worker has begun with the file; it looks for a buffer after that, in `begin`
                return False
            check(before)
            buffer.append(data)
        session.becomes(Life.BUFFERED)
        self._count(session, before + len(data))
        return True

    def recount(self, known: set[str]) -> None:
        """Count as buffered only what is of sessions that the worker still knows: others may have ended the rest."""
        self._buffered = {upload: size for upload, size in self._buffered.items() if upload in known}
        self._buffered_all = sum(self._buffered.values())

    def discard_buffer(self, session: UploadSession) -> None:
        """Remove what it has in memory."""
        with self.buffer(session) as buffer:
            self.forget(session, buffer)

    def forget(self, session: UploadSession, buffer: Buffer | None = None) -> None:
        """Its bytes in memory are not needed any more."""
        if buffer is not None:
            buffer.remove()
        self._count(session, 0)

    def _count(self, session: UploadSession, size: int) -> None:
        """Count what this worker has buffered of it."""
        self._buffered_all += size - self._buffered.pop(session.id, 0)
        if size:
            self._buffered[session.id] = size
        session.buffered = size

    # On the disk, or in a bucket

    def begin(self, session: UploadSession, check: Check, actor: Actor, data: bytes = b"") -> Ingest:
        """Open it, with what was buffered written; look whether the client is there; check the offset; append `data`.

        Raises BlobUploadUnknown, TooManyRequests while another has it, Disconnected, RangeInvalid. It is suspended
        after a failure.
        """
        with self.buffer(session) as buffer:
            ingest = self._open(session)
            try:
                actor.check_here()
                if buffer is None:
                    self._refuse_buffered(session)
                held = b"" if buffer is None else buffer.data
                check(ingest.offset + len(held))
                if held:
                    ingest.write(held)
                session.becomes(Life.PARTIAL)
                self.forget(session, buffer)
                if data:
                    ingest.write(data)
            except BaseException:
                session.state = ingest.suspend()
                raise
        return ingest

    def _refuse_buffered(self, session: UploadSession) -> None:
        """Raises TooManyRequests when another worker has begun with the buffer; it looks for a file after that."""
        with self.buffer(session) as late:  # it may be empty still, and locked
            if late is not None:
                raise busy()

    def append(self, session: UploadSession, check: Check, actor: Actor, data: bytes) -> None:
        """Append a chunk and let go."""
        session.state = self.begin(session, check, actor, data).suspend()

    def spill(self, session: UploadSession) -> None:
        """Write what is buffered, if it still is."""
        with self.buffer(session) as buffer:
            if buffer is not None and buffer.data:
                ingest = self._open(session)
                try:
                    ingest.write(buffer.data)
                    self.forget(session, buffer)
                finally:
                    session.state = ingest.suspend()
            self.forget(session, buffer)
            session.becomes(Life.PARTIAL)

    def cancel(self, session: UploadSession, actor: Actor) -> None:
        """Remove all its bytes. Raises TooManyRequests while another has it, Disconnected."""
        with self.buffer(session) as buffer:
            begun = session.in_rows or session.life is not Life.NEW or self.holds(session)
            ingest = self._open(session) if begun else None
            if actor.gone() and ingest is not None:
                session.state = ingest.suspend()
            actor.check_here()
            if ingest is not None:
                ingest.cancel()
            self.forget(session, buffer)

    def _open(self, session: UploadSession) -> Ingest:
        begun = session.life is Life.PARTIAL
        local, algorithm = self._content.local, session.row.algorithm
        try:
            for _ in range(ATTEMPTS):
                with suppress(Exists):
                    if not begun or not (local or session.state.offset):
                        return self._content.begin(session.path, algorithm)
                try:
                    return self._content.resume(session.path, session.state, algorithm)
                except NotFound as error:
                    if session.state.offset:  # another worker's closing request has taken the bytes, or they are lost
                        raise session.unknown() from error
                    begun = False
        except Busy as error:
            raise busy() from error
        raise busy()
