"""The express lane: what most requests are, answered in one call on the event loop.

GET and HEAD of a manifest or blob without any header that would change the answer, and that it is not there, as every
push of something new asks first. All else returns None and goes the long way. What was found is kept for the same
request to come (`kept`). For an index that does not answer in place, see `express_later`.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from registry.api.errors import render
from registry.api.kept import Found, Kept
from registry.api.path import parse_path
from registry.api.record import Recorder
from registry.metadata import blobs, manifests
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError
from registry.metadata.session import Generation, Session
from registry.oci.errors import RegistryFault
from registry.services.pull import Pull, find_blob, missing_manifest
from registry.transport.application import Answer, Client, Deferred
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
REFUSAL = b"HTTP/1.1 %d %b\r\n"
REFUSAL_HEAD = (
    b"content-type: application/json\r\ncontent-length: %d\r\ndocker-distribution-api-version: registry/2.0\r\n"
    b"x-request-id: %b\r\n\r\n"
)


class Asked(NamedTuple):
    """A request that may be answered here: how to find its row in the index, and what the row makes of the answer."""

    find: Callable[[Session], Any]
    """The row, or why there is none: a RegistryFault."""
    build: Callable[[Any], Found | None]
    route: str
    method: str
    url: bytes
    agent: bytes
    request: bytes
    """All of it, as it came; empty when it came in pieces."""

    def found(self, row: object) -> Found | None:
        """The answer, or None to go the long way."""
        found = self.build(row)
        if found is not None:
            found.method, found.url, found.agent, found.asked = self.method, self.url, self.agent, self
        return found


class Express:
    """See the module."""

    def __init__(self, database: Database, content: ContentStore, pull: Pull, recorder: Recorder) -> None:
        self._database = database
        self._content = content
        self._pull = pull
        self._recorder = recorder
        self._kept = Kept()

    def __call__(
        self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]], client: Client, request: bytes
    ) -> Answer | Deferred | None:
        """`request` is all of it, as it came; empty when it came in pieces."""
        started = time.perf_counter()
        asked = self._asked(method, url, headers, request)
        return None if asked is None else self._answered(asked, client, started)

    def again(self, request: bytes, client: Client) -> Answer | Deferred | None:
        """The answer to a request that has come before in these very bytes, if it is still the same."""
        started = time.perf_counter()
        found = self._kept.find(request, self._database.generation)
        return None if found is None else self._kept_answer(found, client, started)

    def _answered(self, asked: Asked, client: Client, started: float) -> Answer | Deferred | None:
        # Taken before the read: a commit in between makes what is kept old, never wrong.
        generation = self._database.generation() if asked.request else None
        try:
            row = self._database.read_now(asked.find)
        except DatabaseError:
            return None  # the long way says it
        return self._built(asked, row, generation, client, started)

    def _built(
        self, asked: Asked, row: object, generation: Generation | None, client: Client, started: float
    ) -> Answer | None:
        if isinstance(row, RegistryFault):
            return self._refused(asked, row, client, started)
        try:
            found = asked.found(row)
            answer = None if found is None else self._answer(found, client, started)
        except (RegistryFault, OSError):
            return None  # the long way says it, and tells of damage
        if found is not None and answer is not None and asked.request:
            self._kept.keep(asked.request, generation, found)
        return answer

    def _asked(self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]], request: bytes) -> Asked | None:
        agent = b""
        for header, value in headers:
            if header in SLOW_HEADERS:
                return None
            if header == b"user-agent":
                agent = value
        if not url.startswith(b"/v2/") or b"?" in url:
            return None
        try:
            route, name, reference = parse_path(url)
        except RegistryFault:
            return None
        head_only = method == b"HEAD"
        if route == "manifest":
            by = manifests.by_digest if ":" in reference else manifests.by_tag
            return Asked(
                lambda session: by(session, name, reference) or missing_manifest(session, name, reference),
                functools.partial(_manifest, route, head_only),
                route,
                method.decode(),
                url,
                agent,
                request,
            )
        if route == "blob":
            return Asked(
                lambda session: find_blob(session, name, reference),
                functools.partial(self._blob, route, reference, head_only),
                route,
                method.decode(),
                url,
                agent,
                request,
            )
        return None

    def _kept_answer(self, found: Found, client: Client, started: float) -> Answer | None:
        try:
            return self._answer(found, client, started)
        except OSError:
            return None

    def _answer(self, found: Found, client: Client, started: float) -> Answer | None:
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
        request_id = self._recorded(found, 200, len(body), client, started)
        return STATUS_LINE, b"%b%b\r\n\r\n%b" % (found.head, request_id, body)

    def _refused(self, asked: Asked, fault: RegistryFault, client: Client, started: float) -> Answer:
        answer = render(fault)
        assert isinstance(answer.body, bytes)
        body = b"" if asked.method == "HEAD" else answer.body
        request_id = self._recorded(asked, answer.status, len(body), client, started)
        status = REFUSAL % (answer.status, HTTPStatus(answer.status).phrase.encode())
        return status, REFUSAL_HEAD % (len(answer.body), request_id) + body

    def _recorded(self, of: Asked | Found, status: int, sent: int, client: Client, started: float) -> bytes:
        """Write it down; the request's new id."""
        request_id = self._recorder.request_id()
        host = client[0] if client else ""
        seconds = time.perf_counter() - started
        self._recorder.answered(request_id, host, of.method, of.url, of.route, status, seconds, 0, sent, of.agent)
        return request_id.encode()

    def _blob(self, route: str, reference: str, head_only: bool, located: blobs.Located) -> Found | None:
        size = located.size
        text = reference.encode()
        head = BLOB_HEAD % (size, text, text)
        if not self._content.local:
            return Found(route, head, b"") if head_only else None
        if size > SMALL_BLOB and not head_only:
            return None
        path = self._content.local_path(Digest.parse(reference), place=located.place)
        if path is None:
            return None
        return Found(route, head, b"", path, size=size, digest=reference)


def _manifest(route: str, head_only: bool, row: manifests.ManifestRow) -> Found:
    digest = row.digest.encode()
    head = MANIFEST_HEAD % (row.media_type.encode(), len(row.payload), digest, digest)
    return Found(route, head, b"" if head_only else row.payload)


def _read(path: str, size: int) -> bytes:
    """A small file, and one byte more if it has more."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, size + 1)
    finally:
        os.close(fd)
