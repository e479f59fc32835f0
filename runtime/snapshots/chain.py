"""Chain ids: what all the layers of a snapshot are. Pure."""

from __future__ import annotations

from runtime.snapshots.errors import InvalidKey
from storage.digest import Digest
from storage.errors import InvalidDigest


def chain_id(parent: str | None, diff_id: str) -> str:
    """OCI image spec, config.md, "Layer ChainID": the digest of the parent's and the layer's own, a blank between.

    Raises InvalidKey for what is no digest.
    """
    layer = checked(diff_id)
    if parent is None:
        return layer
    return str(Digest.of(f"{checked(parent)} {layer}".encode()))


def checked(digest: str) -> str:
    """The digest, if it is one. Raises InvalidKey."""
    try:
        return str(Digest.parse(digest))
    except InvalidDigest as error:
        raise InvalidKey(str(error)) from error
