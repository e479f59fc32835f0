"""Handlers of the lists: /v2/_catalog, /v2/NAME/tags/list, /v2/NAME/referrers/DIGEST, and of /v2/ itself."""

from __future__ import annotations

from collections.abc import Sequence

from registry.api.answer import Answer, json_answer
from registry.api.conditional import etag, not_modified, unchanged
from registry.api.location import next_link
from registry.api.query import page_size, readable
from registry.api.request import Request
from registry.api.services import Services
from registry.oci import mediatypes
from registry.services.lists import Page
from registry.services.referrers import Asked


async def base(request: Request, services: Services) -> Answer:
    """The API check: 200 says that this is a registry and that the client is let in."""
    return json_answer({})


async def tags(request: Request, services: Services) -> Answer:
    page = await services.lists.tags(request.name, _after(request), _limit(request, services), request.actor)
    return _answer(request, services, page, f"/v2/{request.name}/tags/list")


async def catalog(request: Request, services: Services) -> Answer:
    page = await services.lists.repositories(_after(request), _limit(request, services), request.actor)
    return _answer(request, services, page, "/v2/_catalog")


async def referrers(request: Request, services: Services) -> Answer:
    kind = readable("artifactType", request.parameter("artifactType")) or None
    asked = Asked(request.name, request.reference, kind, _after(request), _limit(request, services))
    page = await services.lists.referrers(asked, request.actor)
    path = f"/v2/{request.name}/referrers/{request.reference}"
    query = [] if kind is None else [("artifactType", kind)]
    answer = _answer(request, services, page, path, query, mediatypes.OCI_INDEX.encode())
    if kind is not None:
        answer.headers.append((b"oci-filters-applied", b"artifactType"))
    return answer


def _after(request: Request) -> str:
    return readable("last", request.parameter("last"))


def _limit(request: Request, services: Services) -> int:
    return page_size(request.query.get("n"), services.lists.page_size)


def _answer(
    request: Request,
    services: Services,
    page: Page,
    path: str,
    query: Sequence[tuple[str, str]] = (),
    media_type: bytes = b"application/json",
) -> Answer:
    """The page with the link to the next; its entity tag is its digest."""
    services.freed_memory.release_soon(len(page.document))
    headers = [(b"content-type", media_type), (b"etag", etag(page.digest))]
    if page.last:
        headers.append(next_link(path, [("n", str(_limit(request, services))), ("last", page.last), *query]))
    answer = Answer(200, headers, page.document)
    return unchanged(answer) if not_modified(request, page.digest) else answer
