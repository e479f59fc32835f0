"""Every request that the fast path leaves: parse the path, ask the gate, call the handler, answer, write it down.

Handlers run in a task, whatever the size of the body. A request that came in one piece with its body (`inline`) is
spared the messages of an exchange and nothing else: a small push takes a sixth less of a core ("small image push" in
docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from http import HTTPStatus

from starlette.types import Scope

from registry.api.answer import Answer, FileBody, Headers
from registry.api.cors import Cors
from registry.api.errors import error_body, render, translate
from registry.api.origin import Origins
from registry.api.path import UNROUTED, Path
from registry.api.record import Recorder
from registry.api.request import Request, RequestBody
from registry.api.routes import BY_NAME, PATHS
from registry.api.send import headers_of, send_answer
from registry.api.services import Services
from registry.auth.access import Target
from registry.auth.gate import Gate, Grant
from registry.oci.errors import MethodNotAllowed, NameInvalid, NotFound, RegistryFault
from registry.services.body import Disconnected
from registry.telemetry.access_log import Line
from registry.transport import application
from registry.transport.response import response_of

log = logging.getLogger(__name__)

API_VERSION = (b"docker-distribution-api-version", b"registry/2.0")

CLIENT_CLOSED = 499
"""The status written down where the client went away before there was one; nginx has it from there too."""

GONE = (Disconnected, application.Disconnected)
"""Raised where the client is gone."""

PREFLIGHT = Path("preflight")

_CODES = {408: "SIZE_INVALID", 503: "UNAVAILABLE"}
"""Codes of what the transport refuses; "UNSUPPORTED" for the rest."""


class Dispatcher:
    """`pool` reads files where the transport cannot send them; `cors` is None where no other origin is let in."""

    def __init__(
        self,
        services: Services,
        gate: Gate,
        origins: Origins,
        cors: Cors | None,
        recorder: Recorder,
        pool: Executor,
    ) -> None:
        self._services = services
        self._gate = gate
        self._origins = origins
        self._cors = cors
        self._recorder = recorder
        self._pool = pool
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, exchange: application.Exchange) -> None:
        """See transport.application."""
        started = time.perf_counter()
        request = self._request(exchange.scope, exchange)
        status, sent = CLIENT_CLOSED, 0
        try:
            answer = await self._answer(request)
            status = answer.status
            sent = await send_answer(exchange, answer, self._extra(request), self._pool)
        except GONE:
            log.debug("request %s: the client went away", request.request_id)
        finally:
            self._record(request, status, sent, started)

    def inline(self, scope: Scope, body: bytes) -> application.Deferred:
        """The answer to a request whose body is all here; not for one that a file may be the answer to."""

        def begin(done: Callable[[application.Response | None], None]) -> None:
            task = asyncio.get_running_loop().create_task(self._inline(scope, body, done))
            self._tasks.add(task)  # the loop itself keeps none alive
            task.add_done_callback(self._tasks.discard)

        return begin

    async def _inline(self, scope: Scope, body: bytes, done: Callable[[application.Response | None], None]) -> None:
        started = time.perf_counter()
        request = self._request(scope, body)
        status, sent = CLIENT_CLOSED, 0
        try:
            answer = await self._answer(request)
            assert not isinstance(answer.body, FileBody)
            status, sent = answer.status, len(answer.body)
            done(response_of(status, headers_of(answer, self._extra(request)), answer.body))
        except GONE:
            done((b"", b""))  # nothing is sent: the connection is closed
        finally:
            self._record(request, status, sent, started)

    def refused(self, refusal: application.Refusal) -> application.Payload:
        """What the transport says when it refuses a request by itself; written down as every other."""
        given = dict(refusal.headers)
        request_id = self._recorder.request_id(given.get(b"x-request-id"))
        body = error_body(_CODES.get(refusal.status, "UNSUPPORTED"), refusal.sentence)
        peer = refusal.client[0] if refusal.client else ""
        forwarded = given.get(b"x-forwarded-for", b"").decode("latin-1")
        self._recorder.answered(
            Line(
                time.time(),
                request_id,
                self._origins.client(peer, forwarded),
                "",
                refusal.method.decode("latin-1"),
                refusal.target.decode("latin-1"),
                UNROUTED.route,
                refusal.status,
                0.0,
                0,
                len(body),
                given.get(b"user-agent", b"").decode("latin-1"),
            )
        )
        headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
        if self._cors is not None:
            headers += self._cors.granted(given.get(b"origin"))
        return headers, body

    def _request(self, scope: Scope, come: application.Exchange | bytes) -> Request:
        body = RequestBody(dict(scope["headers"]), come)
        request_id = self._recorder.request_id(body.headers.get(b"x-request-id"))
        return Request(scope, body, self._origins.of(scope), request_id, self._gate)

    def _extra(self, request: Request) -> Headers:
        """Headers that every answer gets."""
        headers = [(b"x-request-id", request.request_id.encode())]
        if request.scope["raw_path"].startswith(b"/v2"):
            headers.append(API_VERSION)
        if self._cors is not None and request.path is not PREFLIGHT:
            headers += self._cors.granted(request.headers.get(b"origin"))
        return headers

    def _record(self, request: Request, status: int, sent: int, started: float) -> None:
        self._recorder.answered(
            Line(
                time.time(),
                request.request_id,
                request.origin.client,
                request.principal,
                request.method,
                _target(request.scope),
                request.path.route,
                status,
                time.perf_counter() - started,
                request.body.length or 0,
                sent,
                request.headers.get(b"user-agent", b"").decode("latin-1"),
            )
        )

    async def _answer(self, request: Request) -> Answer:
        """The answer; every refusal ends here."""
        try:
            if self._cors is not None and request.method == "OPTIONS":
                preflight = self._cors.preflight(request.method, request.scope["headers"])
                if preflight is not None:
                    request.path = PREFLIGHT
                    return preflight
            request.path = PATHS.parse(request.scope["raw_path"])
            return await self._handle(request)
        except GONE:
            raise
        except Exception as error:
            return self._failed(request, error)

    async def _handle(self, request: Request) -> Answer:
        route = BY_NAME[request.path.route]
        entry = route.methods.get(request.method)
        if entry is None:
            allowed = ", ".join(route.methods)
            raise MethodNotAllowed(
                f"{request.method[:20]} is not for this path, {allowed} are", headers={"allow": allowed}
            )
        action, handler = entry
        decision = self._gate.decide(request.credentials, action, Target(route.scope, request.path.name))
        if not isinstance(decision, Grant):
            raise decision
        request.principal = decision.principal
        return await handler(request, self._services)

    def _failed(self, request: Request, error: Exception) -> Answer:
        if isinstance(error, (NotFound, NameInvalid)) and request.path is UNROUTED:
            elsewhere = PATHS.elsewhere(request.scope["raw_path"])
            if elsewhere is not None:
                return _redirect(request, elsewhere)
        fault = translate(error)
        if fault is None:
            log.exception("request %s failed with an internal error", request.request_id)
            body = error_body("UNKNOWN", f"internal error; see the server log for request {request.request_id}")
            return Answer(500, [(b"content-type", b"application/json")], body)
        if not isinstance(error, RegistryFault):
            log.error("request %s: %s", request.request_id, error)
        answer = render(fault)
        if request.method == "HEAD":
            assert not isinstance(answer.body, FileBody)
            return Answer(answer.status, answer.headers, length=len(answer.body))
        return answer


def _redirect(request: Request, path: bytes) -> Answer:
    """308 for all but reads: a client sends its body again only if the status has it keep its method."""
    query: bytes = request.scope["query_string"]
    is_read = request.method in ("GET", "HEAD")
    status = HTTPStatus.MOVED_PERMANENTLY if is_read else HTTPStatus.PERMANENT_REDIRECT
    return Answer(status, [(b"location", path + b"?" + query if query else path)])


def _target(scope: Scope) -> str:
    raw: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("latin-1")
