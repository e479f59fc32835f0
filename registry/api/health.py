"""Handlers of what is asked by machines that look after the server: /, /healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio

from registry.api.answer import Answer, json_answer
from registry.api.request import Request
from registry.api.services import Services
from registry.oci.errors import NotFound


async def root(request: Request, services: Services) -> Answer:
    """Load balancers ask here whether anything answers, and there is nothing else to say."""
    return Answer(200, [(b"cache-control", b"no-cache")])


async def healthz(request: Request, services: Services) -> Answer:
    """The process answers."""
    return json_answer({"status": "ok"})


async def readyz(request: Request, services: Services) -> Answer:
    """Database and storage are really touched."""
    checks = await services.health.checks()
    is_ready = all(state == "ok" for state in checks.values())
    answer = json_answer({"status": "ready" if is_ready else "not ready", **checks})
    answer.status = 200 if is_ready else 503
    return answer


async def metrics(request: Request, services: Services) -> Answer:
    """In Prometheus' text format."""
    if services.metrics is None:
        raise NotFound("there are no metrics here (metrics.enabled)")
    # In a thread: it asks the index how far followers are, which may be far away.
    body, media_type = await asyncio.to_thread(services.metrics.render)
    return Answer(200, [(b"content-type", media_type.encode())], body)
