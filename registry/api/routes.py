"""The one table of /v2 routes: each method with the action it requires and its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from registry.api import blobs, folder, lists, manifests, uploads
from registry.api.answer import Answer
from registry.api.request import Request
from registry.api.services import Services
from registry.auth.access import Action

Handler = Callable[[Request, Services], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is the class of route in metrics and logs, `path` its form in the spec."""

    name: str
    path: str
    methods: dict[str, tuple[Action, Handler]]


ROUTES = (
    Route("base", "/v2/", {"GET": (Action.OPEN, lists.base), "HEAD": (Action.OPEN, lists.base)}),
    Route("catalog", "/v2/_catalog", {"GET": (Action.CATALOG, lists.catalog), "HEAD": (Action.CATALOG, lists.catalog)}),
    Route(
        "folder",
        "/v2/_entrepot/storage/folder",
        {"GET": (Action.PULL, folder.get), "HEAD": (Action.PULL, folder.get)},
    ),
    Route("tags", "/v2/<name>/tags/list", {"GET": (Action.PULL, lists.tags), "HEAD": (Action.PULL, lists.tags)}),
    Route(
        "referrers",
        "/v2/<name>/referrers/<digest>",
        {"GET": (Action.PULL, lists.referrers), "HEAD": (Action.PULL, lists.referrers)},
    ),
    Route(
        "manifest",
        "/v2/<name>/manifests/<reference>",
        {
            "GET": (Action.PULL, manifests.get),
            "HEAD": (Action.PULL, manifests.get),
            "PUT": (Action.PUSH, manifests.put),
            "DELETE": (Action.DELETE, manifests.delete),
        },
    ),
    Route(
        "blob",
        "/v2/<name>/blobs/<digest>",
        {
            "GET": (Action.PULL, blobs.get),
            "HEAD": (Action.PULL, blobs.head),
            "DELETE": (Action.DELETE, blobs.delete),
        },
    ),
    Route("uploads", "/v2/<name>/blobs/uploads/", {"POST": (Action.PUSH, uploads.post)}),
    Route(
        "upload",
        "/v2/<name>/blobs/uploads/<id>",
        {
            "GET": (Action.PUSH, uploads.get),
            "HEAD": (Action.PUSH, uploads.get),
            "PATCH": (Action.PUSH, uploads.patch),
            "PUT": (Action.PUSH, uploads.put),
            "DELETE": (Action.PUSH, uploads.delete),
        },
    ),
)

BY_NAME = {route.name: route for route in ROUTES}
