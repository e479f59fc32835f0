"""Blobs and manifests made from seeds, so that the record holds what was pushed without holding its bytes."""

import functools
import hashlib
import json
import random
from collections.abc import Sequence
from typing import NamedTuple

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = ", ".join((OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST))

KIB = 1024
MIB = 1024 * KIB


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def matches(data: bytes, digest: str) -> bool:
    """Whether the digest, in its own algorithm, is that of the data."""
    return digest_of(data, digest.partition(":")[0]) == digest


class Blob(NamedTuple):
    seed: str
    size: int
    digest: str

    @property
    def data(self) -> bytes:
        return random.Random(self.seed).randbytes(self.size)

    @property
    def algorithm(self) -> str:
        return self.digest.partition(":")[0]


@functools.lru_cache(maxsize=512)
def blob(seed: str, size: int, algorithm: str = "sha256") -> Blob:
    """The blob that this seed makes, always the same."""
    return Blob(seed, size, digest_of(random.Random(seed).randbytes(size), algorithm))


def random_size(rng: random.Random) -> int:
    """Mostly a few KiB, at times nothing, a few bytes or some MiB."""
    low, high = rng.choices(
        [(0, 0), (2, 64), (KIB, 64 * KIB), (64 * KIB, 512 * KIB), (MIB, 3 * MIB)], weights=[2, 10, 60, 24, 4]
    )[0]
    return rng.randint(low, high)


class Manifest(NamedTuple):
    payload: bytes
    media_type: str
    digest: str
    subject: str = ""

    def needs(self) -> set[str]:
        """Digests of the blobs without which a registry refuses it."""
        document = json.loads(self.payload)
        parts = [document["config"], *document["layers"]] if "config" in document else []
        return {part["digest"] for part in parts}


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _manifest(document: dict[str, object], algorithm: str, subject: Manifest | None) -> Manifest:
    if subject is not None:
        document["subject"] = _descriptor(subject.media_type, subject.digest, len(subject.payload))
    payload = json.dumps(document, indent=2).encode()
    media_type = str(document["mediaType"])
    return Manifest(payload, media_type, digest_of(payload, algorithm), subject.digest if subject else "")


def image(
    config: Blob,
    layers: Sequence[Blob],
    *,
    mark: str,
    docker: bool = False,
    algorithm: str = "sha256",
    subject: Manifest | None = None,
    artifact_type: str = "",
) -> Manifest:
    """An image manifest (or an artifact, with `artifact_type`); `mark` makes it differ from its like."""
    kinds = (
        (DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json")
        if docker
        else (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json")
    )
    layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip" if docker else "application/octet-stream"
    document: dict[str, object] = {"schemaVersion": 2, "mediaType": kinds[0]}
    if artifact_type:
        document["artifactType"] = artifact_type
    document["config"] = _descriptor(kinds[1], config.digest, config.size)
    document["layers"] = [_descriptor(layer_type, layer.digest, layer.size) for layer in layers]
    document["annotations"] = {"mark": mark}
    return _manifest(document, algorithm, subject)


def index(children: Sequence[Manifest], *, mark: str, subject: Manifest | None = None) -> Manifest:
    """An image index of these manifests."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [_descriptor(child.media_type, child.digest, len(child.payload)) for child in children],
        "annotations": {"mark": mark},
    }
    return _manifest(document, "sha256", subject)
