"""An image of this machine, as it is listed, inspected and run."""

from typing import Any

import msgspec

from registry.oci import manifest
from registry.oci.manifest import Manifest
from runtime.images.config import Config, chain_ids

SHORT = 12
"""Digits of an id that people are shown."""


class Image(msgspec.Struct, frozen=True):
    """`names` and `digests` are full (names.Name); `size` is bytes unpacked; `named` seconds since the epoch.

    `id` is the digest of its config, `manifest` that of the manifest its layers are here with.
    """

    id: str
    manifest: str
    config: Config
    names: list[str]
    digests: list[str]
    size: int
    named: float

    @property
    def chains(self) -> list[str]:
        """The chain ids of its layers, base first: the last one is what a container stands on. None without layers."""
        return chain_ids(self.config.diff_ids)

    @property
    def run(self) -> dict[str, Any]:
        """What a container is to run, as in the config's `config`."""
        return self.config.run

    @property
    def created(self) -> str:
        return self.config.created

    @property
    def short(self) -> str:
        return short(self.id)


def short(digest: str) -> str:
    """The digits of an id or digest that people are shown."""
    return digest.partition(":")[2][:SHORT]


def layers_of(payload: bytes) -> Manifest:
    """The manifest that is kept with an image."""
    return manifest.parse(payload, None)
