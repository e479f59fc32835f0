"""The text of a container's /etc/hosts. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from runtime.network.errors import NetworkError

_ALWAYS: Final = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::", "ip6-localnet"),
    ("ff00::", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)
_HOST_GATEWAY: Final = "host-gateway"


def hosts(
    addresses: Iterable[str],
    hostname: str,
    *,
    domain: str = "",
    extra: Sequence[str] = (),
    gateway: str = "",
    linked: Iterable[tuple[str, str]] = (),
    shared: str = "",
) -> str:
    """The container's file: its own name at its addresses, what --add-host added, and addresses and names of links.

    `extra` are docker's `name:address`; the address `host-gateway` is `gateway`, where the container reaches this host.
    Where the network is this host's, `shared` is its file, which the container's begins with.
    Raises NetworkError for an entry that is none.
    """
    own = f"{hostname}.{domain} {hostname}" if domain else hostname
    added = (extra_host(each, gateway) for each in extra)
    lines = [*(() if shared else _ALWAYS), *added, *linked, *((each, own) for each in addresses)]
    begins = f"{shared.rstrip()}\n" if shared else ""
    return begins + "".join(f"{address}\t{names}\n" for address, names in lines)


def extra_host(entry: str, gateway: str) -> tuple[str, str]:
    """The address and the name of `name:address` or `name=address`. Raises NetworkError."""
    name, mark, address = entry.partition("=" if "=" in entry else ":")
    if address == _HOST_GATEWAY:
        if not gateway:
            raise NetworkError(f"invalid host {entry!r}, {_HOST_GATEWAY} needs a network with a gateway")
        return gateway, name
    try:
        ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
    except ValueError:
        mark = ""
    if not mark or not name or any(letter.isspace() for letter in name):
        raise NetworkError(f"invalid host {entry[:120]!r}, write it as name:address")
    return address.removeprefix("[").removesuffix("]"), name
