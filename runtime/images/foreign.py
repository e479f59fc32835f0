"""Layers that live elsewhere: fetched from the URLs that their descriptors name (image-spec, descriptor.md, "urls")."""

from typing import BinaryIO, cast

from registry.client.errors import ClientError, NotFound
from registry.client.url_fetch import blob_at
from registry.oci.descriptor import Descriptor


def opened(url: str) -> BinaryIO:
    """What a URL has. Raises ClientError."""
    return cast(BinaryIO, blob_at(url))


def blob(descriptor: Descriptor, offset: int) -> BinaryIO:
    """The bytes of a layer, from the first of its URLs that answers. Raises ClientError."""
    last: ClientError = NotFound(f"{descriptor.digest} has no URLs", 404)
    for url in descriptor.urls or ():
        try:
            return cast(BinaryIO, blob_at(url, size=descriptor.size, offset=offset))
        except ClientError as error:
            last = error
    raise last
