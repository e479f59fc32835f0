"""Lists of referrers: an index whose manifests name the same subject (distribution spec, "Listing Referrers"). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from registry.client.distribution import Fetched
from registry.client.errors import InvalidAnswer
from registry.oci import descriptor
from registry.oci.descriptor import Descriptor
from registry.oci.errors import ManifestInvalid

_LONGEST_TAG = 128


def tag(digest: str) -> str:
    """Where a registry without the API keeps the list, by the clients that wrote it ("Referrers Tag Schema")."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm[:32]}-{digits[:64]}"[:_LONGEST_TAG]


def index(found: Fetched) -> dict[str, object]:
    """The document of a manifest that was checked when it came."""
    return cast("dict[str, object]", json.loads(found.payload))


def of_type(page: dict[str, object], artifact_type: str, what: str) -> Iterator[Descriptor]:
    """The descriptors of a page, of one artifact type or of all; a registry need not filter. Raises InvalidAnswer."""
    listed = page.get("manifests") or []
    if not isinstance(listed, list):
        raise InvalidAnswer(f"{what}: the referrers are not a list")
    for place, item in enumerate(listed):
        try:
            read = descriptor.parse(item, f"manifests[{place}]")
        except ManifestInvalid as error:
            raise InvalidAnswer(f"{what}: {error.message}") from error
        if not artifact_type or read.artifact_type == artifact_type:
            yield read
