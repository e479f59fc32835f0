"""OCI image layouts on disk: written blob by blob, read back to check every byte of what a client pulled."""

import gzip
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.processes import run
from tests.e2e.tools import system_tool

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = {INDEX, DOCKER_LIST}

Descriptor = dict[str, Any]
Platform = dict[str, str]
AMD64: Platform = {"os": "linux", "architecture": "amd64"}
ARM64: Platform = {"os": "linux", "architecture": "arm64", "variant": "v8"}
ARM: Platform = {"os": "linux", "architecture": "arm", "variant": "v7"}


def sha256_of(path: Path) -> str:
    """The digest of a file, as sha256:HEX."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's descriptor and the digest of its uncompressed tar, which the image's config lists."""

    descriptor: Descriptor
    diff_id: str


class Layout:
    """One OCI image layout folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._blobs = path / "blobs" / "sha256"

    @classmethod
    def create(cls, path: Path) -> "Layout":
        """A new, empty layout."""
        layout = cls(path)
        layout._blobs.mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}))
        return layout

    def file(self, digest: str) -> Path:
        """Where the blob is, there or not."""
        return self._blobs / digest.removeprefix("sha256:")

    def bytes_of(self, digest: str) -> bytes:
        """The blob's bytes."""
        return self.file(digest).read_bytes()

    def json_of(self, digest: str) -> dict[str, Any]:
        """The manifest or config as JSON."""
        found: dict[str, Any] = json.loads(self.bytes_of(digest))
        return found

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Store bytes and return their descriptor."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.file(digest).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def add_json(self, document: dict[str, Any]) -> Descriptor:
        """Store a manifest or config and return its descriptor."""
        return self.add(json.dumps(document, indent=2).encode(), document.get("mediaType", CONFIG))

    def add_layer(self, tar: Path, compression: str = "gzip") -> Layer:
        """Compress a tar with gzip or zstd and store it."""
        packed = self._blobs / "being-written"
        if compression == "gzip":
            with tar.open("rb") as source, gzip.GzipFile(packed, "wb", compresslevel=1, mtime=0) as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
        else:
            run([system_tool("zstd"), "-q", "-f", "-1", tar, "-o", packed])
        digest, size = sha256_of(packed), packed.stat().st_size
        packed.rename(self.file(digest))
        return Layer({"mediaType": f"{LAYER}+{compression}", "digest": digest, "size": size}, sha256_of(tar))

    def add_image(
        self, layers: Sequence[Layer], command: Sequence[str] = ("cat",), platform: Platform = AMD64
    ) -> Descriptor:
        """Store config and manifest of an image made of layers and return its manifest's descriptor."""
        config = self.add_json(
            {
                "created": "2024-01-01T00:00:00Z",
                **platform,
                "config": {"Cmd": list(command), "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
                "history": [{"created_by": "tests", "created": "2024-01-01T00:00:00Z"} for _ in layers],
            }
        )
        return self.add_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [layer.descriptor for layer in layers],
            }
        )

    def add_index(self, images: Sequence[tuple[Descriptor, Platform]]) -> Descriptor:
        """Store an index of (manifest, platform) pairs and return its descriptor."""
        manifests = [{**manifest, "platform": platform} for manifest, platform in images]
        return self.add_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Give a manifest a name in the layout."""
        top = json.loads((self.path / "index.json").read_text())
        annotations = {"org.opencontainers.image.ref.name": name}
        top["manifests"].append({**descriptor, "annotations": annotations})
        (self.path / "index.json").write_text(json.dumps(top))

    def digest_of(self, name: str) -> str:
        """The digest behind a name; with an empty name, of the only manifest."""
        top = json.loads((self.path / "index.json").read_text())["manifests"]
        if not name:
            assert len(top) == 1, f"{self.path} holds {len(top)} manifests"
            return str(top[0]["digest"])
        found = [m for m in top if m.get("annotations", {}).get("org.opencontainers.image.ref.name") == name]
        assert len(found) == 1, f"{self.path} holds {len(found)} manifests named {name}"
        return str(found[0]["digest"])

    def closure(self, digest: str) -> Iterator[Descriptor]:
        """Everything a manifest reaches, each with its descriptor, children before layers."""
        manifest = self.json_of(digest)
        for child in manifest.get("manifests", []):
            yield child
            yield from self.closure(child["digest"])
        if "config" in manifest:
            yield manifest["config"]
        yield from manifest.get("layers", [])

    def check(self, digest: str) -> None:
        """Fail unless the manifest and everything it reaches is here with the right size and bytes."""
        assert sha256_of(self.file(digest)) == digest
        for descriptor in self.closure(digest):
            path = self.file(descriptor["digest"])
            assert path.stat().st_size == descriptor["size"], f"{path} has the wrong size"
            assert sha256_of(path) == descriptor["digest"], f"{path} has the wrong bytes"
