"""Handlers of /v2/NAME/blobs/uploads/ and below."""

from __future__ import annotations

from registry.api.answer import Answer, Headers
from registry.api.conditional import etag
from registry.api.location import location
from registry.api.request import Request
from registry.api.services import Services
from registry.auth.access import ANY_REPOSITORY, Action
from registry.oci.errors import BlobUploadInvalid, BlobUploadUnknown, DigestInvalid
from registry.oci.range import parse_content_range
from registry.oci.reference import valid_name
from registry.services import uploads
from registry.services.uploads import held
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
    upload = await services.uploads.start(request.name, algorithm, request.actor)
    return Answer(202, _session(request, services, upload, 0))


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
    offset = await services.uploads.offset(request.name, _upload(request))
    return Answer(204, _session(request, services, request.reference, offset))


async def patch(request: Request, services: Services) -> Answer:
    offset = await services.uploads.append(request.name, _upload(request), request.body, _span(request), request.actor)
    return Answer(202, _session(request, services, request.reference, offset))


async def put(request: Request, services: Services) -> Answer:
    digest = request.digest_parameter()
    if digest is None:
        raise DigestInvalid("a closing PUT needs ?digest=, the digest of the whole blob")
    if request.parameter("adopt") is not None:
        if request.body.length != 0:
            raise BlobUploadInvalid("a PUT that has a file adopted has no body")
        await services.uploads.adopt(request.name, _upload(request), digest, request.actor)
        return _created(request, services, digest)
    await services.uploads.finish(request.name, _upload(request), digest, request.body, _span(request), request.actor)
    return _created(request, services, digest)


async def delete(request: Request, services: Services) -> Answer:
    await services.uploads.cancel(request.name, _upload(request), request.actor)
    return Answer(204)


def _upload(request: Request) -> str:
    """The session's id, which must be of our making before it touches anything. Raises BlobUploadUnknown."""
    if not uploads.is_id(request.reference):
        raise BlobUploadUnknown(
            f"{request.name} has no upload {request.reference[:64]!r}, start a new one",
            {"upload": request.reference[:64]},
        )
    return request.reference


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


def _session(request: Request, services: Services, upload: str, offset: int) -> Headers:
    return [
        (b"location", location(request, services, uploads.location(request.name, upload))),
        (b"range", held(offset).encode()),
        (b"docker-upload-uuid", upload.encode()),
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
