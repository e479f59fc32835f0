"""A request as handlers see it: the target parsed, headers and query at hand, the body as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Scope as AsgiScope

from registry.api.origin import Origin
from registry.api.path import UNROUTED
from registry.api.query import parse_query
from registry.auth.access import Action, Scope, Target
from registry.auth.gate import Gate, Grant
from registry.oci.errors import DigestInvalid, PayloadTooLarge, SizeInvalid
from registry.services.actor import Actor
from registry.services.body import Disconnected
from registry.transport.application import Exchange
from storage.digest import Digest
from storage.errors import InvalidDigest


class Request:
    """`path` is set once it is parsed, `principal` once the gate has let the request in."""

    def __init__(self, scope: AsgiScope, body: RequestBody, origin: Origin, request_id: str, gate: Gate) -> None:
        self.scope = scope
        self.path = UNROUTED
        self.principal = ""
        self._gate = gate
        self.method: str = scope["method"]
        self.headers = body.headers
        self.origin = origin
        self.request_id = request_id
        self.body = body
        self._query: dict[str, list[str]] | None = None

    @property
    def name(self) -> str:
        """The repository's name."""
        return self.path.name

    @property
    def reference(self) -> str:
        return self.path.reference

    @property
    def digest(self) -> Digest:
        """The digest that ends the path."""
        return Digest.parse(self.path.reference)

    @property
    def actor(self) -> Actor:
        gone = self.scope.get("extensions", {}).get("entrepot.client", {}).get("gone")
        if gone is None:
            return Actor(self.principal, self.origin.client, self.request_id)
        return Actor(self.principal, self.origin.client, self.request_id, gone)

    @property
    def credentials(self) -> bytes:
        """The value of `Authorization`; empty where there is none."""
        return self.headers.get(b"authorization", b"")

    def may(self, action: Action, repository: str) -> bool:
        """Whether the principal may do that as well, to this or another repository: a second question to the gate."""
        decision = self._gate.decide(self.credentials, action, Target(Scope.REPOSITORY, repository))
        return isinstance(decision, Grant)

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
    """services.body.Body of an exchange, or of bytes that are here already."""

    length: int | None

    def __init__(self, headers: dict[bytes, bytes], come: Exchange | bytes) -> None:
        self.headers = headers
        self._come = come
        self._fault: SizeInvalid | None = None
        length = headers.get(b"content-length")
        if length is not None:
            try:
                self.length = _length(length)
            except SizeInvalid as fault:  # raised to the handler that asks for the body
                self.length, self._fault = 0, fault
        elif b"transfer-encoding" in headers:
            self.length = None
        else:
            self.length = 0

    async def read(self, limit: int) -> bytes:
        """See services.body. SizeInvalid when Content-Length is no size, or not the body's."""
        if self._fault is not None:
            raise self._fault
        if self.length is not None and self.length > limit:
            raise PayloadTooLarge(f"the body has {self.length} bytes, at most {limit} are taken here")
        if isinstance(self._come, bytes):
            return self._come
        parts: list[bytes] = []
        total = 0
        more = self.length != 0
        while more:
            message = await self._come.receive()
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
        if isinstance(self._come, bytes):
            # The sink is called in a thread, as it may block.
            await asyncio.get_running_loop().run_in_executor(None, _feed, sink, self._come)
            return len(self._come)
        return await self._come.take(sink)


def _feed(sink: Callable[[Any], object], data: bytes) -> None:
    if data:
        sink(data)


def _length(value: bytes) -> int:
    text = value.strip()
    if not text.isdigit() or len(text) > 18:
        raise SizeInvalid(f"Content-Length is {value[:40]!r}, which is no size")
    return int(text)
