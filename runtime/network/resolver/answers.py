"""What the resolver knows itself: names, aliases and addresses of the containers beside the one that asks. Pure."""

from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address

from runtime.network.endpoint import Endpoint
from runtime.network.resolver import wire

_REVERSE = ".in-addr.arpa"
_SHORT_ID = 12


def answer(asked: wire.Question, beside: Sequence[Endpoint]) -> bytes | None:
    """The answer, or None if others have to be asked. `beside` are the endpoints of the asker's named networks."""
    if asked.space != wire.INTERNET:
        return None
    if asked.kind == wire.PTR:
        found = next((each for each in beside if each.ip == _address(asked.name)), None)
        return wire.name(asked, f"{found.name}.{found.network}") if found and _can_be_told(found) else None
    if asked.kind not in (wire.A, wire.AAAA):
        return None
    addresses = [IPv4Address(each.ip) for each in beside if asked.name in names(each)]
    if not addresses:
        return None
    first = asked.id % len(addresses)  # askers take the first, so that they share what several containers offer
    return wire.addresses(asked, [*addresses[first:], *addresses[:first]] if asked.kind == wire.A else ())


def names(endpoint: Endpoint) -> set[str]:
    """All names of a container on one network, in lower case: each alone and with the network's behind it."""
    own = {each.lower() for each in (endpoint.name, endpoint.container[:_SHORT_ID], *endpoint.aliases)}
    return own | {f"{each}.{endpoint.network.lower()}" for each in own}


def _address(name: str) -> str:
    if not name.endswith(_REVERSE):
        return ""
    try:
        return str(IPv4Address(".".join(reversed(name.removesuffix(_REVERSE).split(".")))))
    except AddressValueError:
        return ""


def _can_be_told(endpoint: Endpoint) -> bool:
    return all(0 < len(label) < 64 for label in f"{endpoint.name}.{endpoint.network}".split("."))
