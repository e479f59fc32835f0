"""One upload session as a worker knows it, and the words it is told in."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field

from registry.metadata.clock import now_ms
from registry.metadata.uploads import UploadRow
from registry.oci.errors import BlobUploadUnknown, RangeInvalid, TooManyRequests
from storage import paths
from storage.content import IngestState
from storage.ingest import BOOT, NOTHING

WRITTEN = 2000
"""Milliseconds after which a session has been written down, with room to spare for a busy machine."""

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class Live:
    """`held` bytes are not in the partial file yet; `state` is the file's, and may carry a running hash.

    `busy`: a request is writing to it. `ending`: its bytes are being published, and it is not written down any more.
    `lock`: so is a request, or the worker that writes it down. `written` is the state that its row has; `leased`: this
    worker alone may write to it, until `leased_until` (ms), see ledger.py.
    """

    row: UploadRow
    state: IngestState = NOTHING
    held: bytes = b""
    on_disk: bool = False
    in_rows: bool = False
    dirty: bool = True
    busy: bool = False
    ending: bool = False
    written: str = ""
    leased: bool = False
    leased_until: int = 0
    touched_at: int = field(default_factory=now_ms)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def stored(cls, row: UploadRow, *, local: bool) -> Live:
        """A session read from its row. A local file may be there even if the row knows of no bytes."""
        live = cls(row, on_disk=local, in_rows=True, dirty=False, touched_at=row.updated_at)
        live.read(row)
        return live

    def read(self, row: UploadRow) -> None:
        """Know what its row says."""
        self.state = IngestState.decode(row.state) if row.state else NOTHING
        self.written = row.state
        self.on_disk = self.on_disk or self.state.offset > 0

    @property
    def offset(self) -> int:
        return len(self.held) if self.held else self.state.offset

    @property
    def path(self) -> str:
        """Of its partial file."""
        return paths.upload_data(self.row.repository, self.row.id)

    @property
    def linked(self) -> str:
        """Of the whole file that a program of this machine may put in for it."""
        return paths.linked(self.row.id)

    def touch(self) -> None:
        self.touched_at = now_ms()
        self.dirty = True

    def as_row(self) -> UploadRow:
        return self.row._replace(offset=self.state.offset, state=self.state.encode(), updated_at=self.touched_at)


def is_of_another_boot(row: UploadRow) -> bool:
    """Whether the machine was started again since: bytes not synced may be gone, and the file's size a lie."""
    return bool(row.state) and IngestState.decode(row.state).boot != BOOT


def new_id() -> str:
    """Unguessable, but for when it was made."""
    return f"{now_ms():011x}{secrets.token_hex(11)[:21]}"


def is_new(upload: str) -> bool:
    """Whether a session of this id may have been begun too lately to be written down by now."""
    return -WRITTEN < now_ms() - int(upload[:11], 16) < WRITTEN


def is_id(text: str) -> bool:
    """Whether it has the form of a session's id."""
    return _ID.fullmatch(text) is not None


def location(repository: str, upload: str) -> str:
    return f"/v2/{repository}/blobs/uploads/{upload}"


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


def check_order(live: Live, offset: int, span: tuple[int, int] | None) -> None:
    """Raises RangeInvalid unless the chunk at `span` goes on where the session's `offset` bytes end."""
    if span is None or span[0] == offset:
        return
    repository, upload = live.row.repository, live.row.id
    raise RangeInvalid(
        f"the chunk starts at {span[0]}, the upload holds {offset} bytes; go on from there",
        {"offset": offset},
        headers={"location": location(repository, upload), "range": held(offset), "docker-upload-uuid": upload},
    )
