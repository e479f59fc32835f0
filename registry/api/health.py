"""/healthz, /readyz and /metrics: Starlette routes, outside /v2."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError
from registry.telemetry.metrics import Metrics
from storage.driver import Driver
from storage.errors import StorageError

FAR = 5.0
"""Seconds between two probes of storage that is not local: many may ask, and each probe is several requests."""

PATIENCE = 5.0
"""Seconds that a probe of the storage is waited for."""


class Probe:
    """Touches something at most every so many seconds, and once at a time; those who ask meanwhile share the answer."""

    def __init__(self, touch: Callable[[], None], pool: Executor, every: float) -> None:
        self._touch = touch
        self._pool = pool
        self._every = every
        self._running: asyncio.Future[str] | None = None
        self._began = -1e9

    async def __call__(self) -> str:
        """ "ok", or what is wrong."""
        running = self._running
        if running is None or (running.done() and time.monotonic() - self._began >= self._every):
            self._began = time.monotonic()
            running = self._running = asyncio.get_running_loop().run_in_executor(self._pool, _probe, self._touch)
        await asyncio.wait([running], timeout=PATIENCE)
        return running.result() if running.done() else "it does not answer in time"


def health_routes(
    database: Database, driver: Driver, metrics: Metrics | None, pool: Executor, draining: Callable[[], bool]
) -> list[Route]:
    """`metrics` None leaves /metrics out."""
    storage = Probe(driver.probe, pool, 0.0 if driver.local else FAR)

    async def healthz(request: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """Database and storage are really touched; storage that is far away, now and then."""
        loop = asyncio.get_running_loop()
        checks = {
            "database": await loop.run_in_executor(pool, _probe, database.check),
            "storage": await storage(),
        }
        if draining():
            checks["server"] = "draining"
        ready = all(state == "ok" for state in checks.values())
        return JSONResponse({"status": "ready" if ready else "not ready", **checks}, 200 if ready else 503)

    def scrape(request: Request) -> Response:
        assert metrics is not None
        body, media_type = metrics.render()
        return Response(body, media_type=media_type)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
    if metrics is not None:
        routes.append(Route("/metrics", scrape))
    return routes


def _probe(touch: Callable[[], None]) -> str:
    try:
        touch()
    except (StorageError, DatabaseError) as error:
        return str(error)
    return "ok"
