"""What tests push: bytes with their digest, and a client that does not wait long."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from registry.client.client import Client
from registry.client.transport import RetryPolicy
from tests.protocol.content import OCI_CONFIG, OCI_LAYER, Manifest, descriptor, digest_of, image_document, manifest_of

QUICK = RetryPolicy(attempts=5, pause=0.001, longest_wait=2.0)


def opener(data: bytes) -> Callable[[int], BinaryIO]:
    """These bytes from any offset."""
    return lambda offset: BytesIO(data[offset:])


def push(client: Client, name: str, data: bytes) -> str:
    """Push a blob; its digest."""
    digest = digest_of(data)
    client.push_blob(name, digest, len(data), opener(data))
    return digest


def push_image(client: Client, name: str, tag: str, layer: bytes = b"layer", **more: object) -> Manifest:
    """Push a config, a layer and their manifest under a tag."""
    config = b'{"architecture":"amd64","os":"linux"}'
    for data in (config, layer):
        push(client, name, data)
    document = image_document(descriptor(config, OCI_CONFIG), [descriptor(layer, OCI_LAYER)], **more)
    manifest = manifest_of(document)
    assert client.push_manifest(name, tag, manifest.payload, manifest.media_type) == manifest.digest
    return manifest
