"""The proxies of the environment: HTTP_PROXY, HTTPS_PROXY, NO_PROXY, in either case of letters."""

from __future__ import annotations

from urllib.request import getproxies_environment, proxy_bypass

from registry.client.endpoint import Origin


def proxy_for(origin: Origin) -> str | None:
    """The URL of the proxy that leads to it, None to go straight; this machine is never asked by a proxy."""
    proxies = getproxies_environment()
    found = proxies.get(origin.scheme)
    if not found or origin.is_loopback or proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    return found if "://" in found else f"http://{found}"
