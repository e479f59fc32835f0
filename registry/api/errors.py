"""The one table of wire codes (distribution spec, "Error codes"), and the one renderer of errors."""

from __future__ import annotations

import msgspec

from registry.api.answer import Answer
from registry.metadata.errors import DatabaseDamaged, DatabaseError, DatabaseFull, DatabaseReadOnly, InReadOnlyWindow
from registry.oci import errors as fault
from storage import errors as stored

FAULTS: dict[type[fault.RegistryFault], tuple[str, int]] = {
    fault.NameInvalid: ("NAME_INVALID", 400),
    fault.NameUnknown: ("NAME_UNKNOWN", 404),
    fault.TagInvalid: ("TAG_INVALID", 400),
    fault.ManifestInvalid: ("MANIFEST_INVALID", 400),
    fault.ManifestUnknown: ("MANIFEST_UNKNOWN", 404),
    fault.ManifestBlobUnknown: ("MANIFEST_BLOB_UNKNOWN", 404),
    fault.ManifestTooLarge: ("SIZE_INVALID", 413),
    fault.BlobUnknown: ("BLOB_UNKNOWN", 404),
    fault.BlobUploadUnknown: ("BLOB_UPLOAD_UNKNOWN", 404),
    fault.BlobUploadInvalid: ("BLOB_UPLOAD_INVALID", 400),
    fault.DigestInvalid: ("DIGEST_INVALID", 400),
    fault.SizeInvalid: ("SIZE_INVALID", 400),
    fault.RangeInvalid: ("RANGE_INVALID", 416),
    fault.PageInvalid: ("PAGINATION_NUMBER_INVALID", 400),
    fault.QueryInvalid: ("UNSUPPORTED", 400),
    fault.PreconditionFailed: ("PRECONDITION_FAILED", 412),
    fault.Denied: ("DENIED", 403),
    fault.Unauthorized: ("UNAUTHORIZED", 401),
    fault.Unsupported: ("UNSUPPORTED", 405),
    fault.TooManyRequests: ("TOOMANYREQUESTS", 429),
    fault.StorageFull: ("UNAVAILABLE", 503),
    fault.ReadOnlyStorage: ("UNAVAILABLE", 503),
    fault.Unavailable: ("UNAVAILABLE", 503),
    fault.NotFound: ("UNSUPPORTED", 404),
    fault.MethodNotAllowed: ("UNSUPPORTED", 405),
    fault.PayloadTooLarge: ("SIZE_INVALID", 413),
}
"""Each refusal with its code and HTTP status."""

RETRY_AFTER = "10"
"""Seconds after which a client may try again what failed for want of disk or database."""


def translate(error: Exception) -> fault.RegistryFault | None:
    """What storage and database say, as a refusal; None for what is no refusal at all."""
    if isinstance(error, fault.RegistryFault):
        return error
    retry = {"retry-after": RETRY_AFTER}
    if isinstance(error, stored.InvalidDigest):
        return fault.DigestInvalid(str(error))
    if isinstance(error, InReadOnlyWindow):
        return fault.Unavailable(str(error), headers=retry)
    if isinstance(error, (stored.NoSpace, DatabaseFull)):
        return fault.StorageFull(
            "the registry's disk is full, nothing was stored; try again when there is space", headers=retry
        )
    if isinstance(error, (stored.ReadOnly, DatabaseReadOnly)):
        return fault.ReadOnlyStorage("the registry's disk is read-only, nothing was stored", headers=retry)
    if isinstance(error, DatabaseDamaged):
        return fault.Unavailable("the registry's database is damaged, its operator has to restore it", headers=retry)
    if isinstance(error, (stored.StorageError, DatabaseError)):
        return fault.Unavailable("the registry's disk or database does not answer, try again", headers=retry)
    return None


def render(error: fault.RegistryFault) -> Answer:
    code, status = FAULTS[type(error)]
    headers = [(b"content-type", b"application/json")]
    headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in error.headers.items()]
    return Answer(status, headers, error_body(code, error.message, error.detail))


def error_body(code: str, message: str, detail: object = None) -> bytes:
    entry: dict[str, object] = {"code": code, "message": message}
    if detail is not None:
        entry["detail"] = detail
    return msgspec.json.encode({"errors": [entry]})
