"""A container's place on a network, and the ports published through it."""

import msgspec


class Publish(msgspec.Struct, frozen=True):
    """A port to publish. No address: all of the host's. Port 0: any free one; with host_port_end: one of a range."""

    port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0
    host_port_end: int = 0


class Published(msgspec.Struct, frozen=True):
    """A port that is published: `host_ip:host_port` of the host leads to `port` of the container."""

    port: int
    protocol: str
    host_ip: str
    host_port: int


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A container on a network.

    `interface` is the device within the container, `device` its other end on the bridge, `netns` the path by which the
    namespace was reached, `nameservers` those that the embedded resolver asks.
    """

    id: str
    container: str
    name: str
    network: str
    """The network's name."""
    network_id: str
    ip: str
    prefix: int
    mac: str
    gateway: str
    interface: str
    device: str
    netns: str
    aliases: tuple[str, ...] = ()
    ports: tuple[Published, ...] = ()
    nameservers: tuple[str, ...] = ()
    default_route: bool = False
    given_ip: str = ""
    """The address that was asked for, if one was."""
