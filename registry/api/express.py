"""The express lane: what most requests are, answered in one call on the event loop.

GET and HEAD of a manifest or blob without any header that would change the answer; everything else, every refusal
among it, returns None and goes the long way. Only for an index that answers in place (SQLite) and local bytes.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable

from registry.api.path import Target, parse_path
from registry.api.record import Recorder
from registry.metadata import blobs, manifests
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError
from registry.oci.errors import RegistryFault
from registry.services.pull import Pull
from storage.content import ContentStore
from storage.digest import Digest

SLOW_HEADERS = frozenset(
    (
        b"range",
        b"if-none-match",
        b"if-match",
        b"if-range",
        b"origin",
        b"x-request-id",
        b"transfer-encoding",
        b"content-length",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"upgrade",
        b"expect",
    )
)
"""Headers that need the long way."""

SMALL_BLOB = 64 * 1024
"""Blobs up to this size are read and sent in one go."""

MANIFEST_HEAD = (
    b"HTTP/1.1 200 OK\r\n",
    b'content-type: %b\r\ncontent-length: %d\r\ndocker-content-digest: %b\r\netag: "%b"\r\n'
    b"docker-distribution-api-version: registry/2.0\r\nx-request-id: %b\r\n\r\n",
)
BLOB_HEAD = (
    b'content-type: application/octet-stream\r\ncontent-length: %d\r\ndocker-content-digest: %b\r\netag: "%b"\r\n'
    b"accept-ranges: bytes\r\ncache-control: private, max-age=31536000, immutable\r\n"
    b"docker-distribution-api-version: registry/2.0\r\nx-request-id: %b\r\n\r\n"
)

_target = functools.lru_cache(4096)(parse_path)
"""Paths are asked for again and again; the protocol has bounded their length."""

Client = tuple[str, int] | None


class Express:
    """See the module."""

    def __init__(self, database: Database, content: ContentStore, pull: Pull, recorder: Recorder) -> None:
        self._read: Callable[..., object] = database.read_now
        self._content = content
        self._pull = pull
        self._recorder = recorder

    def __call__(
        self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]], client: Client
    ) -> tuple[bytes, bytes] | None:
        started = time.perf_counter()
        agent = b""
        for name, value in headers:
            if name in SLOW_HEADERS:
                return None
            if name == b"user-agent":
                agent = value
        if not url.startswith(b"/v2/") or b"?" in url:
            return None
        try:
            target = _target(url)
            request_id = self._recorder.request_id()
            made = self._answer(target, method == b"HEAD", request_id)
        except (RegistryFault, OSError, DatabaseError):
            return None  # the long way says it, and tells of damage
        if made is None:
            return None
        head, body = made
        self._recorder.answered(
            request_id,
            client[0] if client else "",
            method.decode(),
            url,
            target.route,
            200,
            time.perf_counter() - started,
            0,
            len(body),
            agent,
        )
        return MANIFEST_HEAD[0], head + body

    def _answer(self, target: Target, head_only: bool, request_id: str) -> tuple[bytes, bytes] | None:
        if target.route == "manifest":
            return self._manifest(target, head_only, request_id)
        if target.route == "blob":
            return self._blob(target, head_only, request_id)
        return None

    def _manifest(self, target: Target, head_only: bool, request_id: str) -> tuple[bytes, bytes] | None:
        _, name, reference = target
        by = manifests.by_digest if ":" in reference else manifests.by_tag
        row = self._database_row(by, name, reference)
        if row is None:
            return None
        digest = row.digest.encode()
        payload = row.payload
        head = MANIFEST_HEAD[1] % (row.media_type.encode(), len(payload), digest, digest, request_id.encode())
        return head, b"" if head_only else payload

    def _blob(self, target: Target, head_only: bool, request_id: str) -> tuple[bytes, bytes] | None:
        _, name, reference = target
        size = self._size(name, reference)
        if size is None:
            return None
        path = self._content.local_path(Digest.parse(reference))
        if path is None:
            return None
        body = b""
        if head_only:
            if os.lstat(path).st_size != size:
                return None
        elif size > SMALL_BLOB:
            return None
        else:
            body = _read(path, size)
            if len(body) != size:
                return None
            self._pull.read(reference)
        text = reference.encode()
        return BLOB_HEAD % (size, text, text, request_id.encode()), body

    def _database_row(
        self, by: Callable[..., manifests.ManifestRow | None], name: str, reference: str
    ) -> manifests.ManifestRow | None:
        return self._read(lambda session: by(session, name, reference))  # type: ignore[return-value]

    def _size(self, name: str, reference: str) -> int | None:
        return self._read(lambda session: blobs.size_in(session, name, reference))  # type: ignore[return-value]


def _read(path: str, size: int) -> bytes:
    """A small file, and one byte more if it has more."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, size + 1)
    finally:
        os.close(fd)
