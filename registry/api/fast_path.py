"""The fast path: what most requests are, answered in one call on the event loop, with no task and no messages.

It takes a GET or HEAD of a route that declares a fast answer, without a header that would change the answer, asks the
gate, makes one indexed read and writes the answer down as every other. What was found is kept for the same request to
come (`cached`). All else returns None and goes to the route's handler. For an index that does not answer in place, see
`fast_deferred`.

It may never answer what the handler would not: a request whose headers could change the answer (`LONG_WAY`) is left to
the handler, a refusal of the gate to the dispatcher, and an answer is kept with its grant. A manifest takes 19
microseconds here, 29 by its handler, 6 when it is kept by its bytes and 8 when by its key, and the transport makes no
task for any of these ("manifest by tag" in docs/benchmarks.md).
"""

from __future__ import annotations

import os
import time

import msgspec

from registry.api.cached import CachedAnswers, Kept
from registry.api.cors import Cors
from registry.api.dispatch import API_VERSION
from registry.api.errors import render
from registry.api.fast_answer import Fast, FastAnswer
from registry.api.origin import Origins, plain
from registry.api.path import Path
from registry.api.record import Recorder
from registry.api.routes import BY_NAME, PATHS
from registry.api.services import Services
from registry.auth.access import Target
from registry.auth.gate import Gate, Grant
from registry.metadata.errors import DatabaseError
from registry.metadata.session import Generation
from registry.oci.errors import RegistryFault
from registry.telemetry.access_log import Line
from registry.transport.application import Client, Deferred, Response
from registry.transport.head import Head
from registry.transport.response import lines, response_of

LONG_WAY = frozenset(
    (
        b"range",
        b"if-none-match",
        b"if-match",
        b"if-range",
        b"if-modified-since",
        b"if-unmodified-since",
        b"transfer-encoding",
        b"content-length",
        b"upgrade",
        b"expect",
    )
)
"""Headers whose requests are left to the handlers."""

LOOK_AGAIN_SECONDS = 1.0
"""For how long a look at the file behind a HEAD is good. A blob that is read is looked at every time."""

STATUS_OK = b"HTTP/1.1 200 OK\r\n"


_ID = lines([(b"x-request-id", b"")]).removesuffix(b"\r\n")
"""The start of the one header that is new in each answer."""

_NOWHERE = Path("")
_NONE = Grant("", 0.0)


class FastRequest(msgspec.Struct):
    """What is used of a request.

    `key` is what its answer depends on: method, target and credentials. `raw` is all of it, empty where another one
    will not come in the same bytes. `client` is its address; `peer` is that of the proxy that says so, if one does.
    `extra` are the headers of cross-origin requests, as they are written. What is below them is found out only for
    requests that were not answered before.
    """

    key: tuple[bytes, bytes, bytes]
    raw: bytes
    client: str
    peer: str
    agent: str
    request_id: str
    extra: bytes
    method: str = ""
    target: str = ""
    path: Path = _NOWHERE
    fast: Fast | None = None
    grant: Grant = _NONE

    def resolve_as(self, other: FastRequest) -> None:
        """It asks for the same."""
        self.method, self.target, self.path, self.fast, self.grant = (
            other.method,
            other.target,
            other.path,
            other.fast,
            other.grant,
        )


class FastPath:
    """For one worker; `cors` is None where no other origin is let in."""

    def __init__(self, services: Services, gate: Gate, origins: Origins, cors: Cors | None, recorder: Recorder) -> None:
        self._services = services
        self._database = services.database
        self._gate = gate
        self._origins = origins
        self._cors = cors
        self._recorder = recorder
        self._by_bytes: CachedAnswers[FastRequest] = CachedAnswers()
        self._by_key: CachedAnswers[FastRequest] = CachedAnswers()

    def fast(self, head: Head, client: Client, raw: bytes) -> Response | Deferred | None:
        """See transport.application."""
        started = time.perf_counter()
        request = self._request(head, client, raw)
        return None if request is None else self._answer(request, started)

    def cached(self, raw: bytes, client: Client) -> Response | Deferred | None:
        """See transport.application."""
        kept = self._by_bytes.get(raw)
        if kept is None or kept.generation != self._database.generation():
            return None
        return self._again(kept, kept.request, client, time.perf_counter())

    def _answer(self, request: FastRequest, started: float) -> Response | Deferred | None:
        # Taken before the read: a commit in between makes what is kept old, never wrong.
        generation = self._database.generation()
        kept = self._by_key.get(request.key)
        if kept is not None and kept.generation == generation and kept.grant.expires > time.time():
            request.resolve_as(kept.request)
            return self._kept_answer(kept, request, started)
        if not self._resolve(request):
            return None
        assert request.fast is not None
        find, path = request.fast.find, request.path
        try:
            row = self._database.read_now(lambda session: find(session, path))
        except DatabaseError:
            return None  # the handler says it
        return self._built(request, row, generation, started)

    def _again(self, kept: Kept[FastRequest], request: FastRequest, client: Client, started: float) -> Response | None:
        """What was kept for these bytes, if its grant is still good."""
        if kept.grant.expires <= time.time() or not is_of(request, client):
            return None
        try:
            return self._written(request, kept.answer, started)
        except OSError:
            return None

    def _kept_answer(self, kept: Kept[FastRequest], request: FastRequest, started: float) -> Response | None:
        try:
            answer = self._written(request, kept.answer, started)
        except OSError:
            return None
        if answer is not None and request.raw:
            self._by_bytes.keep(request.raw, len(request.raw), kept.generation, kept.grant, kept.answer, request)
        return answer

    def _request(self, head: Head, client: Client, raw: bytes) -> FastRequest | None:
        agent, credentials, given, forwarded, origin = "", b"", b"", b"", None
        for name, value in head.headers:
            if name in LONG_WAY:
                return None
            if name == b"user-agent":
                agent = value.decode("latin-1")
            elif name == b"authorization":
                if credentials:
                    return None
                credentials = value
            elif name == b"x-request-id":
                given = value
            elif name == b"x-forwarded-for":
                forwarded = forwarded + b"," + value if forwarded else value
            elif name == b"origin":
                origin = value
        host = client[0] if client else ""
        believed = forwarded and self._origins.believes_any
        return FastRequest(
            (head.method, head.url, credentials),
            b"" if given else raw,
            self._origins.client(host, forwarded.decode("latin-1")),
            host if believed else "",
            agent,
            self._recorder.request_id(given) if given else "",
            b"" if self._cors is None else lines(self._cors.granted(origin)),
        )

    def _resolve(self, request: FastRequest) -> bool:
        """Find out what it asks for, and whether it may; False for what is left to the dispatcher."""
        method, target, credentials = request.key
        if b"?" in target:
            return False
        try:
            path = PATHS.parse(target)
        except RegistryFault:
            return False
        route = BY_NAME[path.route]
        if route.fast is None:
            return False
        request.method, request.target = method.decode(), target.decode("latin-1")
        grant = self._gate.decide(credentials, route.methods[request.method][0], Target(route.scope, path.name))
        if not isinstance(grant, Grant):
            return False
        request.path, request.fast, request.grant = path, route.fast, grant
        return True

    def _built(
        self, request: FastRequest, row: object, generation: Generation | None, started: float
    ) -> Response | None:
        if isinstance(row, RegistryFault):
            return self._refused(request, row, started)
        assert request.fast is not None
        try:
            answer = request.fast.build(self._services, request.path, request.method, row)
            if answer is None:
                return None
            answer.head = lines([*answer.headers, API_VERSION])
            written = self._written(request, answer, started)
        except (RegistryFault, OSError):
            return None  # the handler says it, and reports damage
        if written is not None:
            size = sum(map(len, request.key))
            self._by_key.keep(request.key, size, generation, request.grant, answer, request)
            if request.raw:
                self._by_bytes.keep(request.raw, len(request.raw), generation, request.grant, answer, request)
        return written

    def _written(self, request: FastRequest, answer: FastAnswer, started: float) -> Response | None:
        body = answer.body
        if answer.path:
            if request.method == "HEAD":
                if started - answer.looked > LOOK_AGAIN_SECONDS:
                    if os.lstat(answer.path).st_size != answer.size:
                        return None
                    answer.looked = started
            else:
                body = _read(answer.path, answer.size)
                if len(body) != answer.size:
                    return None
        if answer.blob is not None:
            noted = self._services.pull.noted
            if request.method == "HEAD":
                noted.confirm(answer.blob)
            else:
                noted.read(answer.blob[1])
        request_id = self._recorded(request, 200, len(body), started)
        return STATUS_OK, b"%b%b%b%b\r\n\r\n%b" % (answer.head, request.extra, _ID, request_id, body)

    def _refused(self, request: FastRequest, fault: RegistryFault, started: float) -> Response:
        answer = render(fault)
        assert isinstance(answer.body, bytes)
        body = b"" if request.method == "HEAD" else answer.body
        request_id = self._recorded(request, answer.status, len(body), started)
        headers = [*answer.headers, API_VERSION, (b"content-length", b"%d" % len(answer.body))]
        status, head = response_of(answer.status, headers, b"")
        return status, b"%b%b%b%b\r\n\r\n%b" % (head[:-2], request.extra, _ID, request_id, body)

    def _recorded(self, request: FastRequest, status: int, sent: int, started: float) -> bytes:
        """Write it down; the request's id."""
        request_id = request.request_id or self._recorder.request_id()
        self._recorder.answered(
            Line(
                time.time(),
                request_id,
                request.client,
                request.grant.principal,
                request.method,
                request.target,
                request.path.route,
                status,
                time.perf_counter() - started,
                0,
                sent,
                request.agent,
            )
        )
        return request_id.encode()


def is_of(request: FastRequest, client: Client) -> bool:
    """Whether the same bytes from `client` are the same request: what one proxy says of its client is for no other."""
    host = client[0] if client else ""
    if not request.peer:
        request.client = plain(host)
    return not request.peer or request.peer == host


def _read(path: str, size: int) -> bytes:
    """A small file, and one byte more if it has more."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(fd, size + 1)
    finally:
        os.close(fd)
