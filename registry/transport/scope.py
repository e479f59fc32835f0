"""The ASGI scope of a request (ASGI specification, "HTTP Connection Scope").

The extension `entrepot.client` has `gone() -> bool`: whether the connection is known to have ended. Any thread may ask.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable

from starlette.types import Scope

from registry.transport.application import Client
from registry.transport.head import Head


def scope_of(head: Head, client: Client, server: Client, scheme: str, gone: Callable[[], bool]) -> Scope:
    raw_path, _, query = head.url.partition(b"?")
    path = raw_path.decode("latin-1")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": head.version,
        "server": server,
        "client": client,
        "scheme": scheme,
        "root_path": "",
        "method": head.method.decode("ascii"),
        "path": urllib.parse.unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": head.headers,
        "state": {},
        "extensions": {"entrepot.client": {"gone": gone}},
    }


def address_of(name: object) -> Client:
    """What a socket says of one of its ends."""
    return (str(name[0]), int(name[1])) if isinstance(name, (list, tuple)) else None
