"""An image in docker's words: what `image inspect` and `history` tell of it."""

from datetime import UTC, datetime
from typing import Any, Final

from runtime.images.image import Image
from runtime.images.images import Images
from runtime.images.names import familiar, parse
from runtime.snapshots.errors import NotFound

MISSING: Final = "<missing>"


def inspect(images: Images, image: Image) -> dict[str, Any]:
    """The document of `docker image inspect`."""
    document = image.config.document
    named = datetime.fromtimestamp(image.named, UTC)
    platform = {"Variant": document["variant"]} if document.get("variant") else {}
    return {
        "Id": image.id,
        "RepoTags": [familiar(parse(name), images.default) for name in image.names],
        "RepoDigests": [familiar(parse(name), images.default) for name in image.digests],
        "Parent": "",
        "Comment": str((image.config.history or [{}])[-1].get("comment", "")),
        "Created": image.created,
        "DockerVersion": str(document.get("docker_version", "")),
        "Author": str(document.get("author", "")),
        "Config": image.run,
        "Architecture": str(document.get("architecture", "")),
        **platform,
        "Os": str(document.get("os", "")),
        "Size": image.size,
        "VirtualSize": image.size,
        "GraphDriver": {"Data": None, "Name": images.layers.name},
        "RootFS": {"Type": "layers", "Layers": image.config.diff_ids},
        "Metadata": {"LastTagTime": named.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
        "Descriptor": {"digest": image.manifest},
    }


def history(images: Images, image: Image) -> list[dict[str, Any]]:
    """Its steps, the newest first: ID, Created, CreatedBy, Size (bytes), Comment."""
    chains = iter(image.chains)
    steps: list[dict[str, Any]] = []
    for entry in image.config.history:
        chain = "" if entry.get("empty_layer") else next(chains, "")
        steps.append(_step(images, entry, chain))
    # A config may say less than it has: every layer is shown.
    steps += [_step(images, {}, chain) for chain in chains]
    steps.reverse()
    if steps:
        steps[0]["ID"] = image.id
    return steps


def _step(images: Images, entry: dict[str, Any], chain: str) -> dict[str, Any]:
    try:
        size = images.layers.usage(chain) if chain else 0
    except NotFound:
        size = 0
    texts = {key: str(entry.get(key) or "") for key in ("created", "created_by", "comment")}
    return {
        "ID": MISSING,
        "Created": texts["created"],
        "CreatedBy": texts["created_by"],
        "Size": size,
        "Comment": texts["comment"],
    }
