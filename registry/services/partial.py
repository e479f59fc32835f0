"""The bytes of upload sessions: a partial file each, and a first small chunk that waits in memory for what comes next.

Called in threads, by one request at a time for each session.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from registry.services.actor import Actor
from registry.services.session import Live, busy, check_order, unknown
from storage.content import ContentStore, Ingest
from storage.errors import Busy, Exists, NotFound

HOLD = 64 * 1024
"""A first chunk up to this many bytes waits in memory."""

HELD_MOST = 32 << 20
"""Bytes that a worker holds in memory, over all its sessions."""

ATTEMPTS = 4
"""A partial file may come and go between two looks, while another worker opens it too."""


class Partials:
    """See the module."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self._held = 0
        self._lock = threading.Lock()

    def size(self, live: Live) -> int:
        """Of its partial file; 0 when there is none."""
        return self._content.partial_size(live.path) if self._content.local else live.state.offset

    def is_taken(self, live: Live) -> bool:
        """Whether another worker is writing to its partial file, as far as its lock says."""
        if not self._content.local:
            return False  # there are no locks to ask
        try:
            self._content.resume(live.path, live.state, live.row.algorithm).suspend()
        except Busy:
            return True
        except NotFound:
            return False
        return False

    def can_hold(self, live: Live, more: int) -> bool:
        """Whether `more` bytes may wait in memory with those that do."""
        total = len(live.held) + more
        return not live.on_disk and total <= HOLD and self._held + total <= HELD_MOST

    def hold(self, live: Live, data: bytes) -> None:
        """Let `data` be what waits in memory."""
        with self._lock:
            self._held += len(data) - len(live.held)
        live.held = data

    def open(self, live: Live) -> Ingest:
        """Its ingest, what waited in memory written. Raises BlobUploadUnknown, TooManyRequests while another has it."""
        ingest = self._open(live)
        live.on_disk = True
        if live.held:
            try:
                ingest.write(live.held)
            except BaseException:
                ingest.suspend()
                raise
            self.hold(live, b"")
        return ingest

    def begin(self, live: Live, span: tuple[int, int] | None, actor: Actor, data: bytes = b"") -> Ingest:
        """Open it for the chunk at `span`, and append `data`. After a failure it is suspended.

        Raises RangeInvalid, Disconnected when the client is gone by the time it is open.
        """
        ingest = self.open(live)
        try:
            actor.check_here()
            check_order(live, ingest.offset, span)
            if data:
                ingest.write(data)
        except BaseException:
            live.state = ingest.suspend()
            raise
        return ingest

    def append(self, live: Live, span: tuple[int, int] | None, actor: Actor, data: bytes) -> None:
        """Append a chunk and let go."""
        live.state = self.begin(live, span, actor, data).suspend()

    def spill(self, live: Live) -> None:
        """Write what waits in memory."""
        live.state = self.open(live).suspend()

    def _open(self, live: Live) -> Ingest:
        try:
            for _ in range(ATTEMPTS):
                with suppress(Exists):
                    if not live.on_disk or not (self._content.local or live.state.offset):
                        return self._content.begin(live.path, live.row.algorithm)
                try:
                    return self._content.resume(live.path, live.state, live.row.algorithm)
                except NotFound as error:
                    if live.state.offset:  # another worker's closing request has taken the bytes, or they are lost
                        raise unknown(live.row.repository, live.row.id) from error
                    live.on_disk = False
        except Busy as error:
            raise busy() from error
        raise busy()
