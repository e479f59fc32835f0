"""What can go wrong in a registry, in the words of the domain; the wire codes and statuses are made elsewhere."""

from collections.abc import Mapping
from typing import ClassVar


class RegistryFault(Exception):
    """A refusal the client is told about: message for people, detail for programs, headers for the answer."""

    summary: ClassVar[str] = "the request cannot be answered"

    def __init__(self, message: str = "", detail: object = None, headers: Mapping[str, str] | None = None) -> None:
        self.message: str = message or self.summary
        self.detail: object = detail
        self.headers: dict[str, str] = dict(headers) if headers else {}
        super().__init__(self.message)


class NameInvalid(RegistryFault):
    summary = "invalid repository name; use lower-case letters, digits and separators, at most 255 characters"


class NameUnknown(RegistryFault):
    summary = "repository not known to the registry"


class TagInvalid(RegistryFault):
    summary = "invalid tag; use letters, digits, '_', '.' and '-', at most 128 characters"


class ManifestInvalid(RegistryFault):
    summary = "invalid manifest"


class ManifestUnknown(RegistryFault):
    summary = "manifest not known to the registry"


class ManifestBlobUnknown(RegistryFault):
    summary = "the manifest names content that is not in the repository; push it first"


class ManifestTooLarge(RegistryFault):
    summary = "the manifest is larger than the limit"


class BlobUnknown(RegistryFault):
    summary = "blob not known to the registry"


class BlobUploadUnknown(RegistryFault):
    summary = "upload not known to the registry; start it again"


class BlobUploadInvalid(RegistryFault):
    summary = "invalid upload"


class DigestInvalid(RegistryFault):
    summary = "the digest is malformed or does not match the content"


class SizeInvalid(RegistryFault):
    summary = "the length given does not match the content"


class RangeInvalid(RegistryFault):
    """The range asked for, or the place of a chunk, cannot be satisfied."""

    summary = "the range cannot be satisfied"


class PageInvalid(RegistryFault):
    summary = "invalid page parameters; n is a non-negative whole number"


class QueryInvalid(RegistryFault):
    summary = "invalid query; no request of the API has so many parameters"


class PreconditionFailed(RegistryFault):
    summary = "the precondition does not hold; read the current state and try again"


class Denied(RegistryFault):
    summary = "access to the resource is denied"


class Unauthorized(RegistryFault):
    summary = "authentication required"


class Unsupported(RegistryFault):
    summary = "the operation is not supported"


class TooManyRequests(RegistryFault):
    summary = "too many requests; try again later"


class StorageFull(RegistryFault):
    summary = "the storage is full; nothing was stored"


class ReadOnlyStorage(RegistryFault):
    summary = "the storage is read-only; nothing was stored"


class Unavailable(RegistryFault):
    summary = "the registry cannot reach its storage or database; try again later"


class NotFound(RegistryFault):
    """No route of the registry has this path."""

    summary = "no such path in the registry API"


class MethodNotAllowed(RegistryFault):
    summary = "this method is not allowed on this path"


class PayloadTooLarge(RegistryFault):
    summary = "the request body is larger than the limit"
