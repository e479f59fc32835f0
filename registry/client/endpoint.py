"""Where a registry is: the name users write, made into scheme, host and port by docker's habits."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from registry.client.errors import InvalidAnswer, InvalidName

HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
"""The names of Docker's own registry."""

_HUB_HOST = "registry-1.docker.io"
_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


class Origin(NamedTuple):
    """What credentials belong to: they go to the same scheme, host and port, and nowhere else."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, so that no other machine can listen on the way."""
        return is_loopback(self.host)

    @property
    def netloc(self) -> str:
        """Host and port as a URL has them, the scheme's own port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def endpoint(host: str, plain_http: bool | None = None) -> Origin:
    """The origin of a registry named "example.com:5000".

    With None for `plain_http` it is HTTPS, and plain HTTP for this machine's own addresses, as docker has it.
    Raises InvalidName.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        raise InvalidName(f"{host[:300]!r} is not the name of a registry, use HOST or HOST:PORT")
    name = found["host"].strip("[]").lower()
    if name in HUB:
        name = _HUB_HOST
    plain = is_loopback(name) if plain_http is None else plain_http
    scheme = "http" if plain else "https"
    port = int(found["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise InvalidName(f"{host[:300]!r} has a port that cannot be")
    return Origin(scheme, name, port)


def origin_of(url: str) -> Origin:
    """The origin of an absolute URL. Raises InvalidAnswer: it is no URL of HTTP."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise InvalidAnswer(f"{url[:300]!r} is not a URL of http or https")
        return Origin(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])
    except ValueError as error:
        raise InvalidAnswer(f"{url[:300]!r} is not a URL: {error}") from None


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own: 127.0.0.0/8, ::1, localhost."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
