"""`Location`: relative, so that it is right behind any proxy, unless the configuration says otherwise."""

from __future__ import annotations

from urllib.parse import urlencode

from registry.api.request import Request
from registry.api.services import Services


def location(request: Request, services: Services, path: str) -> bytes:
    if services.public_url:
        return (services.public_url.rstrip("/") + path).encode()
    if services.absolute_locations and request.origin.host:
        return f"{request.origin.scheme}://{request.origin.host}{path}".encode()
    return path.encode()


def next_link(path: str, query: list[tuple[str, str]]) -> tuple[bytes, bytes]:
    """RFC 8288 `Link` to the next page."""
    return (b"link", f'<{path}?{urlencode(query)}>; rel="next"'.encode())
