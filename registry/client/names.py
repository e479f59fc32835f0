"""Repositories, tags and digests as they may stand in a path: checked before anything is asked. Pure."""

from __future__ import annotations

from registry.client.errors import InvalidName
from registry.oci.reference import valid_name, valid_tag
from storage.digest import Digest
from storage.errors import InvalidDigest


def repository(name: str) -> str:
    """The name itself. Raises InvalidName."""
    if not valid_name(name):
        raise InvalidName(
            f"{name[:256]!r} is not a repository name: lower-case letters, digits, . _ - and / between parts"
        )
    return name


def tag(text: str) -> str:
    """The tag itself. Raises InvalidName."""
    if not valid_tag(text):
        raise InvalidName(f"{text[:140]!r} is not a tag: letters, digits and . _ -, at most 128, not first . or -")
    return text


def digest(text: str) -> str:
    """The digest itself. Raises InvalidName."""
    try:
        return str(Digest.parse(text))
    except InvalidDigest as error:
        raise InvalidName(str(error)) from None


def digest_in(reference: str) -> str:
    """The digest that a reference is, empty when it is a tag. Raises InvalidName."""
    if ":" in reference:
        return digest(reference)
    tag(reference)
    return ""
