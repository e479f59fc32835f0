"""`--network`: a name, or `name=NET,alias=A,ip=1.2.3.4,ip6=...,mac-address=...` for more than one network."""

import re
from typing import Final

from runtime.bundle.container import Endpoint
from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import mode
from runtime.bundle.grammar.host import read_address

_KEYS: Final = ("name", "alias", "ip", "ip6", "mac-address")
_mac = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}").fullmatch


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
    if len(fields.get("name", ())) != 1 or any(len(fields.get(key, ())) > 1 for key in _KEYS if key != "alias"):
        raise ValueInvalid(f"invalid network {text!r}: use name= once, and alias= as often as wanted")
    ip, ip6, mac = (fields.get(key, [""])[0] for key in ("ip", "ip6", "mac-address"))
    return mode.read_network(fields["name"][0]), Endpoint(
        aliases=tuple(fields.get("alias", ())),
        ipv4_address=read_ip(ip, 4) if ip else "",
        ipv6_address=read_ip(ip6, 6) if ip6 else "",
        mac_address=read_mac(mac) if mac else "",
    )


def read_ip(text: str, version: int) -> str:
    """An address of this version of IP."""
    address = read_address(text, f"IPv{version} address")
    if (":" in address) != (version == 6):
        raise ValueInvalid(f"invalid IPv{version} address: {text!r}")
    return address


def read_mac(text: str) -> str:
    """A MAC address, in lower case."""
    if _mac(text) is None:
        raise ValueInvalid(f"{text} is not a valid mac address; use the form 92:d0:c6:0a:29:33")
    return text.lower()
