"""`--network`: a name, or `name=NET,alias=A,ip=1.2.3.4,mac-address=MAC` for more than one network."""

from typing import Final

from runtime.bundle.container import Endpoint
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import mac, mode
from runtime.bundle.grammar.host import read_address

_KEYS: Final = ("name", "alias", "ip", "mac-address")
_ONCE: Final = ("ip", "mac-address")


def read(text: str) -> tuple[str, Endpoint]:
    """The network and what the container is on it."""
    if "=" not in text:
        return mode.read_network(text), Endpoint()
    fields: dict[str, list[str]] = {}
    for part in text.split(","):
        key, _, value = part.strip().partition("=")
        if key not in _KEYS or not value:
            raise ValueInvalid(f"invalid field {part!r} in network {text!r}: use {'=, '.join(_KEYS)}=")
        fields.setdefault(key, []).append(value)
    if len(fields.get("name", ())) != 1 or any(len(fields.get(key, ())) > 1 for key in _ONCE):
        raise ValueInvalid(
            f"invalid network {text!r}: use name= once, ip= and mac-address= at most once, alias= as often as wanted"
        )
    return mode.read_network(fields["name"][0]), Endpoint(
        aliases=tuple(fields.get("alias", ())),
        ipv4_address=read_ip(fields["ip"][0]) if "ip" in fields else "",
        mac_address=mac.read(fields["mac-address"][0]) if "mac-address" in fields else "",
    )


def read_ip(text: str) -> str:
    """An IPv4 address."""
    address = read_address(text, "IPv4 address")
    if ":" in address:
        raise ValueInvalid(f"invalid IPv4 address: {text!r}")
    return address
