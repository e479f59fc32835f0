"""Where a request comes from, and what the client calls this server: a proxy is believed only when it is trusted."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import Scope

HOST = re.compile(r"[A-Za-z0-9.\-_]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


REMEMBERED = 4096
"""Chains of proxies whose clients are remembered."""

LONGEST_CHAIN = 256
"""Characters of such a chain."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The client's address, and the scheme and host it used."""

    client: str
    scheme: str
    host: str
    by_proxy: bool = False
    """Whether a trusted proxy says so."""


class Origins:
    """Reads `X-Forwarded-For`, `-Proto` and `-Host` of requests that come from `trusted` networks; of no others."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in trusted]
        self.believes_any = bool(self._trusted)
        """Whether what is forwarded can matter at all."""
        self._client = functools.lru_cache(REMEMBERED)(self._last_untrusted)

    def of(self, scope: Scope) -> Origin:
        peer = plain(scope["client"][0]) if scope.get("client") else ""
        scheme: str = scope.get("scheme", "http")
        host = ""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if not self._trusted or not self._trusts(peer):
            for name, value in headers:
                if name == b"host":
                    host = value.decode("latin-1")
            return Origin(peer, scheme, host if HOST.fullmatch(host) else "")
        fields = {name: value.decode("latin-1") for name, value in headers}
        forwarded = fields.get(b"x-forwarded-proto", scheme).split(",")[-1].strip().lower()
        host = fields.get(b"x-forwarded-host", fields.get(b"host", "")).split(",")[-1].strip()
        chain = ",".join(value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for")
        return Origin(
            self.client(peer, chain),
            forwarded if forwarded in ("http", "https") else scheme,
            host if HOST.fullmatch(host) else "",
            by_proxy=bool(chain),
        )

    def client(self, peer: str, chain: str) -> str:
        """The client's address, by the values of `X-Forwarded-For`; the same ones come again and again."""
        if not self.believes_any:
            return plain(peer)
        return (self._client if len(chain) <= LONGEST_CHAIN else self._last_untrusted)(plain(peer), chain)

    def _last_untrusted(self, peer: str, chain: str) -> str:
        """The last address in the chain that is not a trusted proxy itself."""
        client = peer
        if not self._trusts(peer):
            return peer
        for hop in reversed([hop.strip() for hop in chain.split(",") if hop.strip()]):
            try:
                client = plain(str(ipaddress.ip_address(hop)))
            except ValueError:
                return client
            if not self._trusts(client):
                return client
        return client

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def plain(address: str) -> str:
    """An IPv4 address as such also where a socket of both families shows it as ::ffff:192.0.2.1."""
    if not address.startswith("::ffff:"):
        return address
    try:
        mapped = ipaddress.IPv6Address(address).ipv4_mapped
    except ValueError:
        return address
    return address if mapped is None else str(mapped)
