"""Manifests as a client takes them: what it accepts, and what must be true of an answer before it is believed. Pure."""

from __future__ import annotations

from registry.client.distribution import Fetched
from registry.client.errors import DigestMismatch, InvalidAnswer
from registry.client.response import Response
from registry.oci import manifest, mediatypes
from registry.oci.descriptor import Descriptor
from registry.oci.errors import ManifestInvalid
from storage.digest import Digest
from storage.errors import InvalidDigest

ACCEPT = ", ".join(
    (mediatypes.OCI_INDEX, mediatypes.OCI_MANIFEST, mediatypes.DOCKER_LIST, mediatypes.DOCKER_MANIFEST, "*/*;q=0.1")
)
LONGEST = 8 << 20
"""Bytes of a manifest; registries refuse more than 4 MiB."""

_SPECIFIC = mediatypes.MANIFESTS | mediatypes.SCHEMA1


def fetched(answer: Response, payload: bytes, asked: str, what: str) -> Fetched:
    """The manifest of an answer; `asked` is the digest it was asked by, empty for a tag.

    Raises DigestMismatch, and InvalidAnswer: it is none, or its header and its body do not agree on the type.
    """
    told = answer.header("Docker-Content-Digest")
    for expected in filter(None, (asked, told)):
        _verify(payload, expected, what)
    try:
        parsed = manifest.parse(payload, _content_type(answer))
    except ManifestInvalid as error:
        raise InvalidAnswer(f"{what}: {error.message}") from error
    return Fetched(parsed.media_type, asked or told or str(Digest.of(payload)), payload)


def described(answer: Response, asked: str) -> Descriptor | None:
    """What a HEAD tells; None when it leaves out the digest, the length or the type. Raises InvalidAnswer."""
    told = answer.header("Docker-Content-Digest")
    digest, size, media_type = told or asked, answer.length, _content_type(answer)
    if not digest or size is None or media_type is None:
        return None
    if asked and told and asked != told:
        raise InvalidAnswer(f"asked for {asked}, {answer.origin.netloc} answered with {told[:200]!r}")
    return Descriptor(media_type, str(_digest(digest, answer.origin.netloc)), size)


def _content_type(answer: Response) -> str | None:
    """The type of the header; None where it is one that servers give to any file."""
    media_type = mediatypes.essence(answer.header("Content-Type"))
    return media_type if media_type in _SPECIFIC else None


def _verify(payload: bytes, expected: str, what: str) -> None:
    digest = _digest(expected, what)
    actual = Digest.of(payload, digest.algorithm)
    if actual != digest:
        raise DigestMismatch(what, str(digest), str(actual))


def _digest(text: str, what: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise InvalidAnswer(f"{what}: {error}") from error
