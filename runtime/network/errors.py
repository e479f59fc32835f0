"""The errors of networks, in docker's words where docker has words for them.

NetworkError
    NetworkNotFound      no network of that name or id
    NetworkExists        the name is taken
    NetworkInUse         containers are connected to it
    PoolOverlap          the subnet is one that is in use
    NoFreeSubnet         the pool is used up
    NoFreeAddress        the subnet is used up, or the address is taken
    PortInUse            a port to be published is taken
    NotConnected         the container is not on that network
    NotPermitted         root is needed
    KernelRefused        the kernel or nft would not do it
"""


class NetworkError(Exception):
    """Something about a network; the text is one line for the user."""


class NetworkNotFound(NetworkError):
    """No network of that name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"network {name} not found")


class NetworkExists(NetworkError):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"network with name {name} already exists")


class NetworkInUse(NetworkError):
    """Containers are connected to it."""


class PoolOverlap(NetworkError):
    """The subnet is in use by another network or by the host."""


class NoFreeSubnet(NetworkError):
    """The pool of subnets is used up."""


class NoFreeAddress(NetworkError):
    """The subnet is used up, or the address that was asked for is taken."""


class PortInUse(NetworkError):
    """A port of the host is taken, by another container or by a process."""


class NotConnected(NetworkError):
    """The container is not on that network."""


class NotPermitted(NetworkError):
    """Root is needed."""

    def __init__(self) -> None:
        super().__init__("bridge networks need root (CAP_NET_ADMIN), use --network host or --network none without it")


class KernelRefused(NetworkError):
    """The kernel, or nft, would not do what was asked."""
