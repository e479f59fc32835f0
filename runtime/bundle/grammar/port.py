"""Ports: what `-p` publishes, `[ip:][host[-range]:]container[-range][/proto]`, and what `--expose` names."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from runtime.bundle.container import PortBinding
from runtime.bundle.errors import ValueInvalid

PROTOCOLS: Final = ("tcp", "udp", "sctp")
_range = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?").fullmatch
_FORM: Final = "use [ip:][host[-range]:]container[-range][/tcp|udp|sctp]"
_LONG: Final = frozenset({"target", "published", "protocol", "mode"})


def read_exposed(text: str) -> list[str]:
    """The ports of `80`, `80/udp` or `8000-8010/tcp`, each as `port/protocol`."""
    ports, protocol = _with_protocol(text, text)
    first, last = _bounds(ports, text)
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def read_published(text: str) -> list[tuple[str, PortBinding]]:
    """Each port of the container as `port/protocol` with where it is published."""
    ip, host, ports, protocol = _parts(text)
    first, last = _bounds(ports, text)
    if not host:
        return [(f"{port}/{protocol}", PortBinding(host_ip=ip)) for port in range(first, last + 1)]
    host_first, host_last = _bounds(host, text, least=0)
    if host_last - host_first != last - first:
        if first != last:
            raise ValueInvalid(
                f"invalid ranges specified for container and host ports: {ports} and {host}; use equal lengths"
            )
        return [(f"{first}/{protocol}", PortBinding(host_ip=ip, host_port=f"{host_first}-{host_last}"))]
    return [
        (f"{port}/{protocol}", PortBinding(host_ip=ip, host_port=str(host_first + port - first)))
        for port in range(first, last + 1)
    ]


def bindings(texts: Iterable[str]) -> dict[str, tuple[PortBinding, ...]]:
    """What several `-p` publish together; the same said twice is published once."""
    found: dict[str, tuple[PortBinding, ...]] = {}
    for text in texts:
        for port, binding in read_published(text):
            had = found.get(port, ())
            found[port] = had if binding in had else (*had, binding)
    return found


def _parts(text: str) -> tuple[str, str, str, str]:
    if "=" in text:
        return _long(text)
    before, _, ports = text.rpartition(":")
    ip, colon, host = before.rpartition(":")
    ports, protocol = _with_protocol(ports, text)
    return _address(ip, text) if colon else "", host, ports, protocol


def _long(text: str) -> tuple[str, str, str, str]:
    fields: dict[str, str] = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        if key not in _LONG or not value or key in fields:
            raise ValueInvalid(f"invalid published port {text!r}: use target=, published= and protocol=, each once")
        fields[key] = value
    ports, protocol = _with_protocol(f"{fields.get('target', '')}/{fields.get('protocol', 'tcp')}", text)
    return "", fields.get("published", ""), ports, protocol


def _with_protocol(ports: str, text: str) -> tuple[str, str]:
    ports, slash, protocol = ports.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in PROTOCOLS:
        raise ValueInvalid(f"invalid protocol in port {text!r}: use {', '.join(PROTOCOLS)}")
    if not ports:
        raise ValueInvalid(f"no port specified: {text!r}; {_FORM}")
    return ports, protocol


def _bounds(ports: str, text: str, least: int = 1) -> tuple[int, int]:
    found = _range(ports)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
    if found is None or first < least or last < first or last > 65535:
        raise ValueInvalid(f"invalid port {ports!r} in {text!r}: use numbers from 1 to 65535; {_FORM}")
    return first, last


def _address(ip: str, text: str) -> str:
    bare = ip[1:-1] if ip.startswith("[") and ip.endswith("]") else ip
    if not bare:
        return ""
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        raise ValueInvalid(f"invalid IP address in port {text!r}: {ip}; {_FORM}") from None
