"""Handlers of /v2/NAME/blobs/uploads/ and below."""

from __future__ import annotations

from registry.api.answer import Answer, Headers
from registry.api.conditional import etag
from registry.api.location import location
from registry.api.request import Request
from registry.api.services import Services
from registry.auth.access import ANY_REPOSITORY, Action
from registry.oci.errors import BlobUploadInvalid, DigestInvalid
from registry.oci.range import parse_content_range
from registry.oci.reference import valid_name
from registry.services.uploads.session import held
from registry.services.uploads.uploads import Where
from storage.digest import Digest
from storage.errors import InvalidDigest


async def post(request: Request, services: Services) -> Answer:
    """Mount, or a blob in one request, or a session."""
    mount = _mount(request)
    if mount is not None and await services.publisher.mount(request.name, *mount, request.actor):
        return _created(request, services, mount[0])
    digest_given = request.digest_parameter()
    if digest_given is not None:
        await services.uploads.monolithic(request.name, digest_given, request.body, request.actor)
        return _created(request, services, digest_given)
    await request.body.read(services.body_size)
    algorithm = request.parameter("digest-algorithm") or "sha256"
    where = await services.uploads.start(request.name, algorithm, request.actor)
    return Answer(202, _session(request, services, where))


def _mount(request: Request) -> tuple[Digest, str | None] | None:
    """What is to be mounted, and from where. None also for what no registry has, or the client may not pull there.

    The blob is pushed instead then. Clients take both from labels and caches, which may be of other registries with
    other names, and that they may push here does not say what they may read elsewhere.
    """
    mount, source = request.parameter("mount"), request.parameter("from")
    if mount is None or (source is not None and not valid_name(source)):
        return None
    if not request.may(Action.PULL, source or ANY_REPOSITORY):
        return None
    try:
        return Digest.parse(mount), source
    except InvalidDigest:
        return None


async def get(request: Request, services: Services) -> Answer:
    """How far the session is."""
    where = await services.uploads.offset(request.name, request.reference, request.actor)
    return Answer(204, _session(request, services, where))


async def patch(request: Request, services: Services) -> Answer:
    span = _span(request)
    where = await services.uploads.append(request.name, request.reference, request.body, span, request.actor)
    return Answer(202, _session(request, services, where))


async def put(request: Request, services: Services) -> Answer:
    digest = request.digest_parameter()
    if digest is None:
        raise DigestInvalid("a closing PUT needs ?digest=, the digest of the whole blob")
    if request.parameter("adopt") is not None:
        if request.body.length != 0:
            raise BlobUploadInvalid("a PUT that has a file adopted has no body")
        await services.uploads.adopt(request.name, request.reference, digest, request.actor)
        return _created(request, services, digest)
    span = _span(request)
    await services.uploads.finish(request.name, request.reference, digest, request.body, span, request.actor)
    return _created(request, services, digest)


async def delete(request: Request, services: Services) -> Answer:
    await services.uploads.cancel(request.name, request.reference, request.actor)
    return Answer(204)


def _span(request: Request) -> tuple[int, int] | None:
    header = request.header(b"content-range")
    if header is None:
        return None
    try:
        return parse_content_range(header)
    except ValueError as error:
        raise BlobUploadInvalid(
            f"Content-Range {header[:100]!r} is not START-END", {"content-range": header[:100]}
        ) from error


def _session(request: Request, services: Services, where: Where) -> Headers:
    return [
        (b"location", location(request, services, where.location)),
        (b"range", held(where.offset).encode()),
        (b"docker-upload-uuid", where.upload.encode()),
    ]


def _created(request: Request, services: Services, digest: Digest) -> Answer:
    text = str(digest)
    return Answer(
        201,
        [
            (b"location", location(request, services, f"/v2/{request.name}/blobs/{text}")),
            (b"docker-content-digest", text.encode()),
            (b"etag", etag(text)),
        ],
    )
