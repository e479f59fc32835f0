"""The one table of routes: of everything the server answers, what it requires and who answers it.

A route has a path in the form of the spec, a scope, for each method the action it requires and its handler, and maybe a
fast answer. The path parser and the fast path are made from this table, and the gate is asked what it says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from registry.api import blobs, folder, health, lists, manifests, uploads
from registry.api.answer import Answer
from registry.api.fast_answer import Fast
from registry.api.path import Paths
from registry.api.request import Request
from registry.api.services import Services
from registry.auth.access import Action, Scope

Handler = Callable[[Request, Services], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is the class of route in metrics and logs. `fast` answers GET and HEAD where it can, see fast_path.py."""

    name: str
    path: str
    scope: Scope
    methods: dict[str, tuple[Action, Handler]]
    fast: Fast | None = None


def _read(action: Action, handler: Handler, head: Handler | None = None) -> dict[str, tuple[Action, Handler]]:
    return {"GET": (action, handler), "HEAD": (action, head or handler)}


ROUTES = (
    Route("root", "/", Scope.SYSTEM, {**_read(Action.OPEN, health.root), "OPTIONS": (Action.OPEN, health.root)}),
    Route("healthz", "/healthz", Scope.SYSTEM, _read(Action.OPEN, health.healthz)),
    Route("readyz", "/readyz", Scope.SYSTEM, _read(Action.OPEN, health.readyz)),
    Route("metrics", "/metrics", Scope.SYSTEM, _read(Action.OPEN, health.metrics)),
    Route("base", "/v2/", Scope.SYSTEM, _read(Action.OPEN, lists.base)),
    Route("catalog", "/v2/_catalog", Scope.CATALOG, _read(Action.CATALOG, lists.catalog)),
    Route("folder", "/v2/_entrepot/storage/folder", Scope.SYSTEM, _read(Action.PULL, folder.get)),
    Route("tags", "/v2/<name>/tags/list", Scope.REPOSITORY, _read(Action.PULL, lists.tags)),
    Route("referrers", "/v2/<name>/referrers/<digest>", Scope.REPOSITORY, _read(Action.PULL, lists.referrers)),
    Route(
        "manifest",
        "/v2/<name>/manifests/<reference>",
        Scope.REPOSITORY,
        {
            **_read(Action.PULL, manifests.get),
            "PUT": (Action.PUSH, manifests.put),
            "DELETE": (Action.DELETE, manifests.delete),
        },
        Fast(manifests.find, manifests.build),
    ),
    Route(
        "blob",
        "/v2/<name>/blobs/<digest>",
        Scope.REPOSITORY,
        {**_read(Action.PULL, blobs.get, blobs.head), "DELETE": (Action.DELETE, blobs.delete)},
        Fast(blobs.find, blobs.build),
    ),
    Route("uploads", "/v2/<name>/blobs/uploads/", Scope.REPOSITORY, {"POST": (Action.PUSH, uploads.post)}),
    Route(
        "upload",
        "/v2/<name>/blobs/uploads/<id>",
        Scope.REPOSITORY,
        {
            **_read(Action.PUSH, uploads.get),
            "PATCH": (Action.PUSH, uploads.patch),
            "PUT": (Action.PUSH, uploads.put),
            "DELETE": (Action.PUSH, uploads.delete),
        },
    ),
)

BY_NAME = {route.name: route for route in ROUTES}

PATHS = Paths((route.name, route.path) for route in ROUTES)
