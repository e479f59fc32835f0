"""A request as handlers see it: the target parsed, headers and query at hand, the body as a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope

from registry.api.origin import Origin
from registry.api.path import Target
from registry.api.query import parse_query
from registry.auth.access import ANONYMOUS
from registry.oci.errors import DigestInvalid, PayloadTooLarge, SizeInvalid
from registry.services.actor import Actor
from registry.services.body import Disconnected
from storage.digest import Digest
from storage.errors import InvalidDigest


class Request:
    """`target` is set once the path is parsed."""

    target: Target

    def __init__(self, scope: Scope, receive: Receive, origin: Origin, request_id: str) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.origin = origin
        self.request_id = request_id
        self.body = RequestBody(self.headers, scope, receive)
        self._query: dict[str, list[str]] | None = None

    @property
    def name(self) -> str:
        """The repository's name."""
        return self.target.name

    @property
    def reference(self) -> str:
        return self.target.reference

    @property
    def digest(self) -> Digest:
        """The digest that ends the path."""
        return Digest.parse(self.target.reference)

    @property
    def actor(self) -> Actor:
        gone = self.scope.get("extensions", {}).get("entrepot.client", {}).get("gone")
        if gone is None:
            return Actor(ANONYMOUS, self.origin.client, self.request_id)
        return Actor(ANONYMOUS, self.origin.client, self.request_id, gone)

    @property
    def query(self) -> dict[str, list[str]]:
        if self._query is None:
            self._query = parse_query(self.scope["query_string"])
        return self._query

    def parameter(self, name: str) -> str | None:
        values = self.query.get(name)
        return values[-1] if values else None

    def digest_parameter(self) -> Digest | None:
        """`?digest=`. Raises DigestInvalid."""
        text = self.parameter("digest")
        return None if text is None else parse_digest(text)

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def listed(self, name: bytes) -> str | None:
        """The value of a header that is a list, and may come in several lines."""
        values = [value for key, value in self.scope["headers"] if key == name]
        return b", ".join(values).decode("latin-1") if values else None


def parse_digest(text: str) -> Digest:
    """Raises DigestInvalid."""
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise DigestInvalid(str(error), {"digest": text[:200]}) from error


class RequestBody:
    """services.body.Body over ASGI; a transport that can hand bytes straight to a sink does so."""

    def __init__(self, headers: dict[bytes, bytes], scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._take: Callable[..., Any] | None = scope.get("extensions", {}).get("entrepot.body", {}).get("take")
        self._fault: SizeInvalid | None = None
        length = headers.get(b"content-length")
        if length is not None:
            try:
                self.length = _length(length)
            except SizeInvalid as fault:  # for whoever asks for the body
                self.length, self._fault = 0, fault
        elif b"transfer-encoding" in headers:
            self.length = None
        else:
            self.length = 0

    length: int | None

    async def read(self, limit: int) -> bytes:
        """See services.body. SizeInvalid when Content-Length is no size, or not the body's."""
        if self._fault is not None:
            raise self._fault
        if self.length is not None and self.length > limit:
            raise PayloadTooLarge(f"the body has {self.length} bytes, at most {limit} are taken here")
        parts: list[bytes] = []
        total = 0
        more = self.length != 0
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            part = message.get("body", b"")
            total += len(part)
            if total > limit:
                raise PayloadTooLarge(f"the body is over {limit} bytes, no more are taken here")
            parts.append(part)
            more = message.get("more_body", False)
        if self.length is not None and total != self.length:
            raise SizeInvalid(f"the body has {total} bytes, Content-Length says {self.length}")
        return b"".join(parts)

    async def take(self, sink: Callable[[Any], object]) -> int:
        """See services.body."""
        if self._fault is not None:
            raise self._fault
        if self._take is not None:
            count: int = await self._take(sink)
            return count
        total = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            if part := message.get("body", b""):
                sink(part)
                total += len(part)
            if not message.get("more_body", False):
                return total


def _length(value: bytes) -> int:
    text = value.strip()
    if not text.isdigit() or len(text) > 18:
        raise SizeInvalid(f"Content-Length is {value[:40]!r}, which is no size")
    return int(text)
