"""The express lane: what most requests are, answered in one call on the event loop.

GET and HEAD of a manifest or blob without any header that would change the answer; everything else, every refusal
among it, returns None and goes the long way. What was found is kept for the same request to come (`kept`). Only for
an index that answers in place (SQLite) and local bytes.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable

from registry.api.kept import Found, Kept
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

LOOK_AGAIN = 1.0
"""Seconds for which a look at the file behind a HEAD is good. A blob that is read is looked at every time."""

MANIFEST_HEAD = (
    b'content-type: %b\r\ncontent-length: %d\r\ndocker-content-digest: %b\r\netag: "%b"\r\n'
    b"docker-distribution-api-version: registry/2.0\r\nx-request-id: "
)
BLOB_HEAD = (
    b'content-type: application/octet-stream\r\ncontent-length: %d\r\ndocker-content-digest: %b\r\netag: "%b"\r\n'
    b"accept-ranges: bytes\r\ncache-control: private, max-age=31536000, immutable\r\n"
    b"docker-distribution-api-version: registry/2.0\r\nx-request-id: "
)
STATUS_LINE = b"HTTP/1.1 200 OK\r\n"

_target = functools.lru_cache(4096)(parse_path)
"""Paths are asked for again and again; the protocol has bounded their length."""

Client = tuple[str, int] | None


class Express:
    """See the module."""

    def __init__(self, database: Database, content: ContentStore, pull: Pull, recorder: Recorder) -> None:
        self._read: Callable[..., object] = database.read_now
        self._generation = database.generation
        self._content = content
        self._pull = pull
        self._recorder = recorder
        self._kept = Kept()

    def __call__(
        self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]], client: Client, request: bytes
    ) -> tuple[bytes, bytes] | None:
        """`request` is all of it, as it came; empty when it came in pieces."""
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
            # Taken before the read: a commit in between makes what is kept old, never wrong.
            generation = self._generation() if request else None
            found = self._find(_target(url), method == b"HEAD")
            if found is None:
                return None
            found.method, found.url, found.agent = method.decode(), url, agent
            answer = self._answer(found, client, started)
        except (RegistryFault, OSError, DatabaseError):
            return None  # the long way says it, and tells of damage
        if answer is not None and request:
            self._kept.keep(request, generation, found)
        return answer

    def again(self, request: bytes, client: Client) -> tuple[bytes, bytes] | None:
        """The answer to a request that has come before in these very bytes, if it is still the same."""
        started = time.perf_counter()
        found = self._kept.find(request, self._generation)
        if found is None:
            return None
        try:
            return self._answer(found, client, started)
        except OSError:
            return None

    def _answer(self, found: Found, client: Client, started: float) -> tuple[bytes, bytes] | None:
        body = found.body
        if found.path:
            if found.method == "HEAD":
                if started - found.looked > LOOK_AGAIN:
                    if os.lstat(found.path).st_size != found.size:
                        return None
                    found.looked = started
            else:
                body = _read(found.path, found.size)
                if len(body) != found.size:
                    return None
                self._pull.read(found.digest)
        request_id = self._recorder.request_id()
        self._recorder.answered(
            request_id,
            client[0] if client else "",
            found.method,
            found.url,
            found.route,
            200,
            time.perf_counter() - started,
            0,
            len(body),
            found.agent,
        )
        return STATUS_LINE, b"%b%b\r\n\r\n%b" % (found.head, request_id.encode(), body)

    def _find(self, target: Target, head_only: bool) -> Found | None:
        if target.route == "manifest":
            return self._manifest(target, head_only)
        if target.route == "blob":
            return self._blob(target, head_only)
        return None

    def _manifest(self, target: Target, head_only: bool) -> Found | None:
        route, name, reference = target
        by = manifests.by_digest if ":" in reference else manifests.by_tag
        row = self._database_row(by, name, reference)
        if row is None:
            return None
        digest = row.digest.encode()
        head = MANIFEST_HEAD % (row.media_type.encode(), len(row.payload), digest, digest)
        return Found(route, head, b"" if head_only else row.payload)

    def _blob(self, target: Target, head_only: bool) -> Found | None:
        route, name, reference = target
        found = self._located(name, reference)
        if found is None or (found.size > SMALL_BLOB and not head_only):
            return None
        size, place, _ = found
        path = self._content.local_path(Digest.parse(reference), place=place)
        if path is None:
            return None
        text = reference.encode()
        return Found(route, BLOB_HEAD % (size, text, text), b"", path, size=size, digest=reference)

    def _database_row(
        self, by: Callable[..., manifests.ManifestRow | None], name: str, reference: str
    ) -> manifests.ManifestRow | None:
        return self._read(lambda session: by(session, name, reference))  # type: ignore[return-value]

    def _located(self, name: str, reference: str) -> blobs.Located | None:
        return self._read(lambda session: blobs.located(session, name, reference))  # type: ignore[return-value]


def _read(path: str, size: int) -> bytes:
    """A small file, and one byte more if it has more."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, size + 1)
    finally:
        os.close(fd)
