"""Files that a proxy on this machine sends itself, after the registry has let the request in and looked at the file.

The answer has no body and names the file in a header that the proxy takes away (`X-Accel-Redirect` of nginx,
`X-Sendfile` of others): bytes go from the page cache to the client by the proxy's sendfile, once instead of through two
servers ("blob pull" behind nginx in docs/benchmarks.md). It may never reach a client, so it is sent only to a trusted
peer that names the client it asks for; and only without conditions, which proxies judge by an entity tag of their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from registry.api.answer import Headers
from registry.api.request import Request

ACCEL_PREFIX = "/_entrepot/files/"
"""Of the location in nginx's configuration, which is `internal` and an alias of the storage's folder."""

SMALLEST_BYTES = 64 * 1024
"""Below that it is faster to send the bytes than their name."""

CONDITIONS = frozenset((b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"))


@dataclass(frozen=True, slots=True)
class ProxyFiles:
    """`header` is the name of the header, empty where files are not sent that way; `root` the storage's folder."""

    header: str = ""
    root: str = ""

    def of(self, request: Request, path: str | None, size: int) -> Headers | None:
        """The headers that have the proxy send the file at `path`; None where its bytes are sent from here."""
        if not self.header or path is None or size < SMALLEST_BYTES or not request.origin.by_proxy:
            return None
        if not CONDITIONS.isdisjoint(request.headers):
            return None
        if self.header == "x-accel-redirect":
            path = ACCEL_PREFIX + os.path.relpath(path, self.root)
        return [(self.header.encode(), path.encode())]
