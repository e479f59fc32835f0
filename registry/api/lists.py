"""Handlers of the lists: /v2/_catalog, /v2/NAME/tags/list, /v2/NAME/referrers/DIGEST, and of /v2/ itself."""

from __future__ import annotations

from registry.api.answer import Answer, json_answer
from registry.api.conditional import etag, not_modified, unchanged
from registry.api.location import next_link
from registry.api.query import page_size, readable
from registry.api.request import Request
from registry.api.services import Services
from registry.oci import mediatypes
from registry.services.lists import repository_page, tag_page
from registry.services.referrers import referrers as find_referrers
from storage.digest import Digest


async def base(request: Request, services: Services) -> Answer:
    """The API check: 200 says that this is a registry and that the client is let in."""
    return json_answer({})


async def tags(request: Request, services: Services) -> Answer:
    limit = page_size(request.query.get("n"), services.page_size)
    page = await tag_page(services.database, request.name, readable("last", request.parameter("last")), limit)
    answer = json_answer({"name": request.name, "tags": page.names})
    if page.more:
        query = [("n", str(limit)), ("last", page.names[-1])]
        answer.headers.append(next_link(f"/v2/{request.name}/tags/list", query))
    return _tagged(request, answer)


async def catalog(request: Request, services: Services) -> Answer:
    limit = page_size(request.query.get("n"), services.page_size)
    page = await repository_page(services.database, readable("last", request.parameter("last")), limit)
    answer = json_answer({"repositories": page.names})
    if page.more:
        answer.headers.append(next_link("/v2/_catalog", [("n", str(limit)), ("last", page.names[-1])]))
    return _tagged(request, answer)


async def referrers(request: Request, services: Services) -> Answer:
    limit = page_size(request.query.get("n"), services.page_size)
    artifact_type = readable("artifactType", request.parameter("artifactType")) or None
    after = readable("last", request.parameter("last"))
    found = await find_referrers(services.database, request.name, request.reference, artifact_type, after, limit)
    index = {"schemaVersion": 2, "mediaType": mediatypes.OCI_INDEX, "manifests": found.descriptors}
    answer = json_answer(index, media_type=mediatypes.OCI_INDEX.encode())
    if artifact_type is not None:
        answer.headers.append((b"oci-filters-applied", b"artifactType"))
    if found.more and found.descriptors:
        query = [("n", str(limit)), ("last", found.descriptors[-1]["digest"])]
        if artifact_type is not None:
            query.append(("artifactType", artifact_type))
        answer.headers.append(next_link(f"/v2/{request.name}/referrers/{request.reference}", query))
    return _tagged(request, answer)


def _tagged(request: Request, answer: Answer) -> Answer:
    """A list's entity tag is the digest of the list."""
    assert isinstance(answer.body, bytes)
    digest = str(Digest.of(answer.body))
    answer.headers.append((b"etag", etag(digest)))
    return unchanged(answer) if not_modified(request, digest) else answer
