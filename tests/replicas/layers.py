"""Clients that push layers of several parts: in chunks that any replica may get, streamed, at once, resumed."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.faults.client import Judge, never
from tests.faults.content import KIB, MIB, Blob, blob
from tests.faults.load import Pusher
from tests.faults.record import BLOB, Key, Record, Upload
from tests.faults.wire import Wire

LEAST, MOST = 6 * MIB, 13 * MIB
STEPS = (70 * KIB, 700 * KIB, 3 * MIB, 6 * MIB, 11 * MIB)
"""Bytes of a chunk, more or less: below what is kept in the session's row, below a part, and above one."""


MAY_GO = 64 * KIB
"""What a session holds when it may go with its replica: it was begun just now, with at most a first small chunk."""


class LayerPusher(Pusher):
    """Each push is of two parts or more, of 5 MiB as the fleet is told. What a session has acknowledged it keeps."""

    def __init__(
        self, number: int, wire: Wire, record: Record, rng: random.Random, repository: str, judge: Judge = never
    ) -> None:
        super().__init__(number, wire, record, rng, repository, judge)
        self._acts: dict[Callable[[], bool], int] = {
            self.push_chunks: 10,
            self.push_streamed: 4,
            self.push_at_once: 3,
            self.leave_upload: 3,
            self.resume_upload: 6,
            self.cancel_upload: 1,
            self.look: 2,
            self.delete_blob: 1,
        }

    def push_chunks(self) -> bool:
        """As a client that sends chunks does; a pull of it follows at times, from whichever replica."""
        content = self._layer()
        upload = self.open_upload(self.repository, content)
        while upload is not None and upload.offset < content.size:
            step = self.rng.choice(STEPS)
            end = min(content.size, upload.offset + self.rng.randint(step // 2, step))
            if content.size - end < 2 or self.rng.random() < 0.1:
                break  # the rest goes with the closing request
            if not self.patch(upload, end, ranged=self.rng.random() < 0.8):
                return False
        return upload is not None and self.close_upload(upload)

    def push_streamed(self) -> bool:
        """As docker does: one long request, and an empty one on another replica."""
        content = self._layer()
        upload = self.open_upload(self.repository, content)
        if upload is None or not self.patch(upload, content.size, ranged=False, pieces=self.rng.randint(3, 40)):
            return False
        return self.close_upload(upload)

    def push_at_once(self) -> bool:
        return self.rng.choice([self.single_post, self.post_put])(self.repository, self._layer())

    def patch(self, upload: Upload, end: int, *, ranged: bool = True, pieces: int = 0, pause: float = 0.0) -> bool:
        self.lossy = upload.offset <= MAY_GO
        return super().patch(upload, end, ranged=ranged, pieces=pieces, pause=pause)

    def close_upload(self, upload: Upload, *, ranged: bool = True) -> bool:
        self.lossy = upload.offset <= MAY_GO
        return super().close_upload(upload, ranged=ranged)

    def resume(self, upload: Upload) -> bool:
        held = upload.offset
        done = super().resume(upload)
        if held > MAY_GO and (upload.state == "gone" or upload.offset < held):
            self.record.complain(f"{upload.location} had acknowledged {held} bytes, and is {upload.state} now")
        return done

    def look(self) -> bool:
        held = self.record.sure(self.repository, BLOB)
        if held:
            digest = self.rng.choice(sorted(held))
            self.read_back(Key(BLOB, self.repository, digest), digest)
        return bool(held)

    def _layer(self) -> Blob:
        return blob(self._mark(), self.rng.randint(LEAST, MOST))

    def _new_blob(self, at_least: int = 0) -> Blob:
        return self._layer()
