"""A container as it is written down, in config.json."""

from __future__ import annotations

import msgspec

from runtime.bundle.container import ContainerConfig, HostConfig, NetworkingConfig
from runtime.bundle.mount_point import MountPoint


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What was asked for and what was made of it; nothing here changes while the container runs, but its name."""

    id: str
    name: str
    created: str
    """RFC 3339."""
    image: str
    """As it was asked for."""
    image_id: str
    chain: str = ""
    """The snapshot its own stands on; empty for an image without layers."""
    config: ContainerConfig
    """Merged with the image's."""
    host_config: HostConfig
    networking_config: NetworkingConfig = NetworkingConfig()
    mounts: tuple[MountPoint, ...] = ()
    """Each volume by its name."""
    anonymous: tuple[str, ...] = ()
    """Volumes without a name of their own; they go with it when `rm -v` or `--rm` take it and no other has them."""
    links: dict[str, str] = {}
    """By alias, the ids of the containers it links to."""
    driver: str = ""
    """Of its snapshot."""

    @property
    def args(self) -> tuple[str, ...]:
        """What it runs."""
        return (*(self.config.entrypoint or ()), *(self.config.cmd or ()))
