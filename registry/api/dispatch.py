"""The distribution API as an ASGI application: parse, ask the gate, call the handler, answer, write down."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Executor

from starlette.types import Receive, Scope, Send

from registry.api.answer import Answer, FileBody, Headers
from registry.api.errors import error_body, render, translate
from registry.api.origin import Origins
from registry.api.path import parse_path
from registry.api.record import Recorder
from registry.api.request import Request
from registry.api.routes import BY_NAME
from registry.api.send import send_answer
from registry.api.services import Services
from registry.auth.access import Access
from registry.oci.errors import Denied, MethodNotAllowed, RegistryFault
from registry.services.body import Disconnected

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
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
        request_id = self._recorder.request_id(given)
        request = Request(scope, receive, self._origins.of(scope), request_id)
        route, status, sent = "unknown", 499, 0
        try:
            answer, route = await self._answer(request)
            status = answer.status
            extra: Headers = [API_VERSION, (b"x-request-id", request_id.encode())]
            sent = await send_answer(scope, send, answer, extra, self._pool)
        except self._gone:
            log.debug("request %s: the client went away", request_id)
        finally:
            seconds = time.perf_counter() - started
            received = request.body.length or 0
            self._recorder.answered(
                request_id,
                request.origin.client,
                request.method,
                _target(scope),
                route,
                status,
                seconds,
                received,
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
