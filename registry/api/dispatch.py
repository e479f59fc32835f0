"""The distribution API as an ASGI application: parse, ask the gate, call the handler, answer, write down."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Executor

from starlette.types import Message, Receive, Scope, Send

from registry.api.answer import Answer, FileBody, Headers
from registry.api.errors import error_body, render, translate
from registry.api.origin import Origins
from registry.api.path import parse_path
from registry.api.record import Recorder
from registry.api.request import Request
from registry.api.routes import BY_NAME
from registry.api.send import headers_of, send_answer
from registry.api.services import Services
from registry.auth.access import Access
from registry.oci.errors import Denied, MethodNotAllowed, RegistryFault
from registry.services.body import Disconnected
from registry.transport import application
from registry.transport.response import answer_of

log = logging.getLogger(__name__)

API_VERSION = (b"docker-distribution-api-version", b"registry/2.0")


class Distribution:
    """`pool` reads files where the transport cannot send them."""

    def __init__(
        self,
        services: Services,
        access: Access,
        origins: Origins,
        recorder: Recorder,
        pool: Executor,
        gone: tuple[type[Exception], ...],
    ) -> None:
        self._services = services
        self._access = access
        self._origins = origins
        self._recorder = recorder
        self._pool = pool
        self._gone: tuple[type[Exception], ...] = (Disconnected, *gone)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = self._request(scope, receive)
        route, status, sent = "unknown", 499, 0
        try:
            answer, route = await self._answer(request)
            status = answer.status
            sent = await send_answer(scope, send, answer, _extra(request), self._pool)
        except self._gone:
            log.debug("request %s: the client went away", request.request_id)
        finally:
            self._record(request, route, status, sent, started)

    async def whole(self, scope: Scope, body: bytes) -> application.Answer:
        """The answer to a request whose body is all here; not for one that a file may be the answer to."""
        started = time.perf_counter()

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        request = self._request(scope, receive)
        route, status, sent = "unknown", 499, 0
        try:
            answer, route = await self._answer(request)
            assert not isinstance(answer.body, FileBody)
            status, sent = answer.status, len(answer.body)
            return answer_of(status, headers_of(answer, _extra(request)), answer.body)
        except self._gone:
            return b"", b""  # to nobody: the connection is closed
        finally:
            self._record(request, route, status, sent, started)

    def _request(self, scope: Scope, receive: Receive) -> Request:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        return Request(scope, receive, self._origins.of(scope), self._recorder.request_id(given))

    def _record(self, request: Request, route: str, status: int, sent: int, started: float) -> None:
        self._recorder.answered(
            request.request_id,
            request.origin.client,
            request.method,
            _target(request.scope),
            route,
            status,
            time.perf_counter() - started,
            request.body.length or 0,
            sent,
            request.headers.get(b"user-agent", b""),
        )

    async def _answer(self, request: Request) -> tuple[Answer, str]:
        """The answer and the class of the route; every refusal ends here."""
        route = "unknown"
        try:
            request.target = parse_path(request.scope["raw_path"])
            route = request.target.route
            return await self._handle(request), route
        except self._gone:
            raise
        except Exception as error:
            fault = translate(error)
            if fault is None:
                log.exception("request %s failed by a defect of the registry", request.request_id)
                body = error_body(
                    "UNKNOWN", f"a defect of the registry; its log tells more of request {request.request_id}"
                )
                return Answer(500, [(b"content-type", b"application/json")], body), route
            if not isinstance(error, RegistryFault):
                log.error("request %s: %s", request.request_id, error)
            return _refusal(fault, request.method), route

    async def _handle(self, request: Request) -> Answer:
        methods = BY_NAME[request.target.route].methods
        entry = methods.get(request.method)
        if entry is None:
            allowed = ", ".join(methods)
            raise MethodNotAllowed(
                f"{request.method[:20]} is not for this path, {allowed} are", headers={"allow": allowed}
            )
        action, handler = entry
        if not self._access.allows(action):
            raise Denied(
                f"{action.value} is not granted to anonymous clients here (access.anonymous)", {"action": action.value}
            )
        return await handler(request, self._services)


def _extra(request: Request) -> Headers:
    return [API_VERSION, (b"x-request-id", request.request_id.encode())]


def _refusal(fault: RegistryFault, method: str) -> Answer:
    answer = render(fault)
    if method == "HEAD":
        assert not isinstance(answer.body, FileBody)
        return Answer(answer.status, answer.headers, length=len(answer.body))
    return answer


def _target(scope: Scope) -> bytes:
    raw: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return raw + b"?" + query if query else raw
