"""What is written down about an answered request: metrics, and a line in the access log."""

from __future__ import annotations

import itertools
import os
import re
import time

from starlette.types import Message, Scope, Send

from registry.telemetry.access_log import AccessLog
from registry.telemetry.metrics import Metrics

CLIENTS_ID = re.compile(rb"[A-Za-z0-9._\-]{8,64}")
"""The form in which a client's own X-Request-Id is taken over."""


class Recorder:
    """One for each worker."""

    def __init__(self, metrics: Metrics, access_log: AccessLog) -> None:
        self.metrics = metrics
        self.access_log = access_log
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    def request_id(self, given: bytes | None = None) -> str:
        """The client's, if it gave one of the right form, else a new one."""
        if given is not None and CLIENTS_ID.fullmatch(given):
            return given.decode("ascii")
        return f"{self._prefix}-{next(self._numbers):08x}"

    def identified(self, scope: Scope, send: Send) -> Send:
        """`send` for an application of others, whose answers get the request's id."""
        given = next((value for name, value in scope.get("headers", ()) if name == b"x-request-id"), None)
        header = (b"x-request-id", self.request_id(given).encode())

        async def identifying(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        return identifying

    def answered(
        self,
        request_id: str,
        client: str,
        method: str,
        target: bytes,
        route: str,
        status: int,
        seconds: float,
        received: int,
        sent: int,
        agent: bytes,
    ) -> None:
        self.metrics.request(route, method, status, seconds, received, sent)
        if self.access_log.enabled:
            self.access_log.line(
                time.time(),
                request_id,
                client,
                method,
                target.decode("latin-1"),
                route,
                status,
                seconds,
                received,
                sent,
                agent.decode("latin-1"),
            )
