"""Manifests: what a registry must know of an image manifest or an index to store it, check it and refer to it.

The bytes themselves are stored as they came; nothing here writes JSON. Accepted are the OCI image manifest and index
and Docker's schema 2 manifest and list. What one client could read as an image and another as an index is refused.
"""

from typing import Final, cast

import msgspec

from registry.oci import descriptor, mediatypes, strict_json
from registry.oci.descriptor import Descriptor, read_annotations, read_media_type, refuse_look_alikes, shown
from registry.oci.errors import ManifestInvalid

_FIELDS: Final = frozenset(
    {
        "schemaVersion",
        "mediaType",
        "artifactType",
        "config",
        "layers",
        "manifests",
        "subject",
        "annotations",
        "fsLayers",
    }
)
MAX_DESCRIPTORS: Final = 10_000
_SCHEMA1: Final = "docker schema 1 manifests are not supported; push the image again with a current client"


class Manifest(msgspec.Struct, frozen=True, gc=False):
    """An image manifest or an index. artifact_type is the effective one, the one referrers are filtered by."""

    media_type: str
    config: Descriptor | None
    layers: list[Descriptor]
    manifests: list[Descriptor]
    subject: Descriptor | None
    annotations: dict[str, str]
    artifact_type: str | None

    @property
    def is_index(self) -> bool:
        """Whether this names other manifests and not layers."""
        return self.media_type in mediatypes.INDEXES

    @property
    def required_blobs(self) -> list[Descriptor]:
        """The config and the layers that must be in the repository: not those that may live elsewhere."""
        required = [] if self.config is None else [self.config]
        required += [
            layer for layer in self.layers if not layer.urls and layer.media_type not in mediatypes.NON_DISTRIBUTABLE
        ]
        return required


def parse(
    payload: bytes,
    content_type: str | None,
    max_depth: int = 32,
    max_values: int = strict_json.MAX_VALUES,
    max_descriptors: int = MAX_DESCRIPTORS,
) -> Manifest:
    """Read a manifest; content_type is the header it came with. Raises ManifestInvalid. Unknown fields are ignored."""
    try:
        value = strict_json.loads(payload, max_depth, max_values)
    except strict_json.InvalidJson as error:
        raise ManifestInvalid(f"the manifest is not strict JSON: {error}") from None
    if type(value) is not dict:
        raise ManifestInvalid("the manifest must be a JSON object")
    fields = cast("dict[str, object]", value)
    if not fields.keys() <= _FIELDS:
        refuse_look_alikes(fields, _FIELDS, "the manifest")
    media_type = _media_type(fields, content_type)
    _check_shape(fields, media_type)
    annotations = read_annotations(fields, "the manifest") or {}
    artifact_type = read_media_type(fields, "artifactType", "the manifest") or None
    subject = None if fields.get("subject") is None else descriptor.parse_subject(fields["subject"])
    if media_type in mediatypes.INDEXES:
        return Manifest(
            media_type, None, [], _list(fields, "manifests", max_descriptors), subject, annotations, artifact_type
        )
    config = descriptor.parse(fields["config"], "config")
    return Manifest(
        media_type,
        config,
        _list(fields, "layers", max_descriptors),
        [],
        subject,
        annotations,
        artifact_type or config.media_type or None,
    )


def _media_type(fields: dict[str, object], content_type: str | None) -> str:
    """The type both the body and the header agree on; without either, the one its fields tell."""
    inside = read_media_type(fields, "mediaType", "the manifest") or ""
    outside = mediatypes.essence(content_type or "")
    if inside in mediatypes.SCHEMA1 or outside in mediatypes.SCHEMA1:
        raise ManifestInvalid(_SCHEMA1)
    if inside and outside and inside != outside:
        raise ManifestInvalid(
            f"the manifest has mediaType {shown(inside)} but came as {shown(outside)}; send the same in Content-Type"
        )
    if outside in mediatypes.DOCKER and not inside:
        raise ManifestInvalid(f"a manifest of type {outside} must have mediaType, so that its bytes say what it is")
    media_type = inside or outside
    if not media_type:
        return mediatypes.OCI_INDEX if "manifests" in fields else mediatypes.OCI_MANIFEST
    if media_type not in mediatypes.MANIFESTS:
        known = ", ".join(sorted(mediatypes.MANIFESTS))
        raise ManifestInvalid(f"manifests of type {shown(media_type)} are not supported; supported are {known}")
    return media_type


def _check_shape(fields: dict[str, object], media_type: str) -> None:
    version = fields.get("schemaVersion")
    if "fsLayers" in fields or (type(version) is int and version == 1):
        raise ManifestInvalid(_SCHEMA1)
    if type(version) is not int or version != 2:
        raise ManifestInvalid(f"the manifest has schemaVersion {shown(version)}; it must be 2")
    is_index = media_type in mediatypes.INDEXES
    needed = "manifests" if is_index else "config"
    for name in ("config", "layers") if is_index else ("manifests",):
        if name in fields:
            raise ManifestInvalid(f"a manifest of type {media_type} must not have {name}")
    if needed not in fields:
        raise ManifestInvalid(f"a manifest of type {media_type} must have {needed}")


def _list(fields: dict[str, object], name: str, most: int) -> list[Descriptor]:
    # Missing and null are an empty list: that is what Go clients write for one.
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ManifestInvalid(f"{name} must be a list of descriptors")
    if len(value) > most:
        raise ManifestInvalid(f"{name} has {len(value)} descriptors, at most {most} are taken")
    return [descriptor.parse(item, f"{name}[{place}]") for place, item in enumerate(value)]
