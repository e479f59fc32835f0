"""/healthz, /readyz and /metrics: Starlette routes, outside /v2."""

from __future__ import annotations

import asyncio
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


def health_routes(
    database: Database, driver: Driver, metrics: Metrics | None, pool: Executor, draining: Callable[[], bool]
) -> list[Route]:
    """`metrics` None leaves /metrics out."""

    async def healthz(request: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """Database and storage are really touched."""
        loop = asyncio.get_running_loop()
        checks = {
            "database": await loop.run_in_executor(pool, _probe, database.check),
            "storage": await loop.run_in_executor(pool, _probe, driver.probe),
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
