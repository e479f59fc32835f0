"""A network as it is written down."""

from typing import Final

import msgspec

DEFAULT: Final = "bridge"
"""The network a container joins when none was named; it has no names to resolve."""

DEFAULT_DEVICE: Final = "entrepot0"

NOT_BRIDGED: Final = {"host": "host", "none": "null"}
"""Networks that are there by name only, and their drivers."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """One network. The id has 64 hexadecimal digits; created is RFC 3339 in UTC; addresses are text, as in JSON.

    `device` is the bridge on the host, `ip_range` the part of the subnet from which addresses are chosen.
    """

    id: str
    name: str
    created: str
    driver: str = "bridge"
    device: str = ""
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    internal: bool = False
    attachable: bool = False
    labels: dict[str, str] = {}
    options: dict[str, str] = {}

    @property
    def bridged(self) -> bool:
        """Whether containers are connected to it by a device."""
        return self.driver == "bridge"

    @property
    def predefined(self) -> bool:
        """Whether it is one of those that are always there."""
        return self.name == DEFAULT or self.name in NOT_BRIDGED

    @property
    def has_names(self) -> bool:
        """Whether its containers find each other by name."""
        return self.bridged and self.name != DEFAULT
