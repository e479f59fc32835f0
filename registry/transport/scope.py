"""The ASGI scope of a request (ASGI specification, "HTTP Connection Scope").

The extension `entrepot.client` has `gone() -> bool`: whether the connection is known to have ended. Any thread may ask.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

import httptools

from registry.transport.head import BadHead, Head

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope

    from registry.transport.protocol import RegistryProtocol


def scope_of(connection: RegistryProtocol, head: Head) -> HTTPScope:
    """Raises BadHead."""
    try:
        url = httptools.parse_url(head.url)
    except httptools.HttpParserError as error:
        raise BadHead(400, "the request's target is not a path") from error
    raw_path = url.path or b"/"
    path = raw_path.decode("latin-1")
    return {
        "type": "http",
        "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
        "http_version": head.version,
        "server": connection.server,
        "client": connection.client,
        "scheme": connection.scheme or "http",
        "root_path": "",
        "method": head.method.decode("ascii"),
        "path": urllib.parse.unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": url.query or b"",
        "headers": head.headers,
        "state": connection.app_state.copy(),
        "extensions": {"entrepot.client": {"gone": connection.transport.is_closing}},
    }
