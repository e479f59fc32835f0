"""The proxies of the environment: HTTP_PROXY, HTTPS_PROXY, NO_PROXY, in either case of letters."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from urllib3 import make_headers

from registry.client.endpoint import Origin


def proxy_for(origin: Origin) -> str | None:
    """The URL of the proxy that leads to it, None to go straight; this machine is never asked by a proxy."""
    proxies = getproxies_environment()
    found = proxies.get(origin.scheme)
    if not found or origin.is_loopback or proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    return found if "://" in found else f"http://{found}"


def proxy_headers(proxy: str) -> dict[str, str]:
    """What the proxy itself is shown: the user and password that its URL has."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    return dict(make_headers(proxy_basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}"))
