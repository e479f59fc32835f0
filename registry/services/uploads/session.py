"""One upload session as a worker knows it."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field

from registry.metadata.clock import now_ms
from registry.metadata.uploads import UploadRow
from registry.oci.errors import BlobUploadUnknown, TooManyRequests
from registry.services.actor import Actor
from registry.services.uploads.life import Life, step
from storage import paths
from storage.content import IngestState
from storage.ingest import BOOT, NOTHING

YOUNG_MS = 10_000
"""Age up to which a session may be without a row: it is written down far sooner, but a machine may be busy."""

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class UploadSession:
    """`state` is that of its partial file, and may carry a running hash; `buffered` bytes are in no file yet.

    `in_rows`: it has a row, or one is being written; `has_row`: it is there, with the state `written`. `dirty`: it is
    to be written again. `busy`: a request is writing to the session. `lock`: so is a request, or the worker that writes
    it down. `leased`: this worker alone may write to it, until `leased_until` (ms), see row_lease.py.
    """

    row: UploadRow
    life: Life = Life.NEW
    state: IngestState = NOTHING
    buffered: int = 0
    in_rows: bool = False
    has_row: bool = False
    dirty: bool = True
    busy: bool = False
    written: str = ""
    leased: bool = False
    leased_until: int = 0
    touched_at: int = field(default_factory=now_ms)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def opened(cls, repository: str, algorithm: str, actor: Actor, upload: str | None = None) -> UploadSession:
        """A session without a row: a new one, or the one of this id as another worker has begun it."""
        id = upload or new_id()
        row = UploadRow(
            id, repository, actor.holder, algorithm, 0, "", made_at(id), now_ms(), principal=actor.principal
        )
        return cls(row)

    @classmethod
    def stored(cls, row: UploadRow, *, local: bool) -> UploadSession:
        """A session read from its row. A local file may be there even if the row knows of no bytes."""
        session = cls(row, in_rows=True, has_row=True, dirty=False, touched_at=row.updated_at)
        session.read(row)
        if local:
            session.life = Life.PARTIAL
        return session

    def read(self, row: UploadRow) -> None:
        """Know what its row says."""
        self.state = IngestState.decode(row.state) if row.state else NOTHING
        self.written = row.state
        if self.state.offset:
            self.life = Life.PARTIAL

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def offset(self) -> int:
        """The bytes it holds, as far as this worker knows."""
        return self.buffered or self.state.offset

    @property
    def path(self) -> str:
        """Of its partial file."""
        return paths.upload_data(self.row.repository, self.row.id)

    @property
    def linked(self) -> str:
        """Of the whole file that a program of this machine may put in for it."""
        return paths.linked(self.row.id)

    def becomes(self, then: Life) -> None:
        """Raises IllegalStep."""
        self.life = step(self.life, then)

    def touch(self) -> None:
        self.touched_at = now_ms()
        self.dirty = True

    def as_row(self) -> UploadRow:
        return self.row._replace(offset=self.offset, state=self.state.encode(), updated_at=self.touched_at)

    def unknown(self) -> BlobUploadUnknown:
        return unknown(self.row.repository, self.row.id)


def is_of_another_boot(row: UploadRow) -> bool:
    """Whether the machine was started again since: bytes not synced may be gone, and the file's size a lie."""
    return bool(row.state) and IngestState.decode(row.state).boot != BOOT


def new_id() -> str:
    """Unguessable, but for when it was made."""
    return f"{now_ms():011x}{secrets.token_hex(11)[:21]}"


def made_at(upload: str) -> int:
    """When a session of this id was opened, in milliseconds since the epoch."""
    return int(upload[:11], 16)


def is_young(upload: str) -> bool:
    """Whether a session of this id may not be written down yet."""
    return -YOUNG_MS < now_ms() - made_at(upload) < YOUNG_MS


def is_id(text: str) -> bool:
    """Whether it has the form of a session's id."""
    return _ID.fullmatch(text) is not None


def held(offset: int) -> str:
    """The `Range` of a session that holds `offset` bytes: inclusive, and `0-0` when it holds none."""
    return f"0-{max(offset - 1, 0)}"


def unknown(repository: str, upload: str) -> BlobUploadUnknown:
    return BlobUploadUnknown(
        f"{repository} has no upload {upload}, start a new one", {"name": repository, "upload": upload}
    )


def busy() -> TooManyRequests:
    """The other request may be one whose client is gone and has not been missed yet."""
    return TooManyRequests(
        "another request is writing to this upload, wait for it or ask for its status", headers={"retry-after": "1"}
    )
