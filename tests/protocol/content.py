"""Blobs, manifests and the requests that push them, for tests that need something to be there first."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

from tests.protocol.client import Client, Headers, Response

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
SBOM = "application/vnd.test.sbom"
OCTETS = {"Content-Type": "application/octet-stream"}

Json = dict[str, Any]

_numbers = itertools.count(1)


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def noise(size: int, seed: object = 0) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return Random(repr(seed)).randbytes(size)


def descriptor(data: bytes, media_type: str, **more: object) -> Json:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)} | more


@dataclass(frozen=True, slots=True)
class Manifest:
    """The bytes of a manifest and what it is pushed as."""

    payload: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return digest_of(self.payload)

    def descriptor(self, **more: object) -> Json:
        return descriptor(self.payload, self.media_type, **more)


def manifest_of(document: Json) -> Manifest:
    """A document as it is usually written, under its own media type."""
    return Manifest(json.dumps(document, indent=2).encode(), document["mediaType"])


def image_document(config: Json, layers: Sequence[Json], **more: object) -> Json:
    """An OCI image manifest as a document."""
    return {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": list(layers)} | more


def index_document(manifests: Sequence[Json], **more: object) -> Json:
    """An OCI index as a document."""
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(manifests)} | more


def with_query(location: str, **values: str) -> str:
    """A location with more query parameters, as a client must add them."""
    path = urlsplit(location)
    added = "&".join(f"{name.replace('_', '-')}={quote(value, safe='')}" for name, value in values.items())
    return f"{path.path}?{path.query}&{added}" if path.query else f"{path.path}?{added}"


class Repository:
    """One repository of a running server."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name

    def at(self, client: Client) -> Repository:
        """The same repository over another client."""
        return Repository(client, self.name)

    def url(self, kind: str, reference: str) -> str:
        return f"/v2/{self.name}/{kind}/{reference}"

    def blob(self, digest: str) -> str:
        return self.url("blobs", digest)

    def manifest(self, reference: str) -> str:
        return self.url("manifests", reference)

    @property
    def uploads(self) -> str:
        return f"/v2/{self.name}/blobs/uploads/"

    def start(self, **query: str) -> str:
        """Opens an upload session and gives its location."""
        response = self.client.post(with_query(self.uploads, **query) if query else self.uploads)
        assert response.status == 202, response
        return response.header("location")

    def push(self, data: bytes, algorithm: str = "sha256") -> str:
        """Pushes a blob in one POST and gives its digest."""
        digest = digest_of(data, algorithm)
        response = self.client.post(with_query(self.uploads, digest=digest), data, OCTETS)
        assert response.status == 201, response
        return digest

    def close(self, location: str, digest: str, body: bytes = b"", headers: Headers = ()) -> Response:
        """Closes an upload session."""
        return self.client.put(with_query(location, digest=digest), body, headers)

    def put(self, reference: str, manifest: Manifest, headers: Mapping[str, str] | None = None) -> Response:
        """Puts a manifest under its media type; the answer is the caller's to judge."""
        given = {"Content-Type": manifest.media_type} | dict(headers or {})
        return self.client.put(self.manifest(reference), manifest.payload, given)

    def tag(self, tag: str, manifest: Manifest) -> Manifest:
        """Puts a manifest that must be taken."""
        response = self.put(tag, manifest)
        assert response.status == 201, response
        return manifest

    def image(self, seed: object = 0, **more: object) -> Manifest:
        """A small image manifest whose blobs are pushed; the manifest itself is not."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "seed": repr(seed)}).encode()
        layer = noise(700, seed)
        self.push(config)
        self.push(layer)
        return manifest_of(image_document(descriptor(config, OCI_CONFIG), [descriptor(layer, OCI_LAYER)], **more))

    def artifact(
        self, subject: Json | None = None, kind: str = "application/vnd.test.sbom", **more: object
    ) -> Manifest:
        """An artifact manifest over the empty blob, pushed blobs included."""
        self.push(b"{}")
        empty = descriptor(b"{}", OCI_EMPTY)
        extra: Json = {"artifactType": kind} | more
        if subject is not None:
            extra["subject"] = subject
        return manifest_of(image_document(empty, [empty], **extra))

    def tags(self, query: str = "") -> Response:
        return self.client.get(f"/v2/{self.name}/tags/list{query}")

    def referrers(self, digest: str, query: str = "") -> Response:
        return self.client.get(f"/v2/{self.name}/referrers/{digest}{query}")


def new_repository(client: Client) -> Repository:
    """A name of two parts that no test has had."""
    return Repository(client, f"team-{next(_numbers)}/app")


def next_page(response: Response) -> str | None:
    """The target of the next page, from a Link header in its exact form."""
    link = response.get("link")
    if link is None:
        return None
    target, _, parameters = link.partition(">")
    assert target.startswith("<"), link
    assert parameters.replace(" ", "") == ';rel="next"', link
    return target[1:]


def pages(client: Client, target: str, most: int = 200) -> Iterator[Response]:
    """Every page from the target on, by the Link headers."""
    following: str | None = target
    for _ in range(most):
        if following is None:
            return
        response = client.get(following)
        assert response.status == 200, response
        yield response
        following = next_page(response)
    raise AssertionError(f"more than {most} pages from {target}")
