"""Cross-origin requests (the Fetch standard, "CORS protocol"): which web pages may send what, and read what.

Every answer to a request gets the headers of `granted`; a preflight is answered by `preflight`, before any route or
gate, as browsers send it without credentials.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.api.answer import Answer, Headers
from registry.api.errors import render
from registry.oci.errors import Denied

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

SAFELISTED = frozenset((b"accept", b"accept-language", b"content-language", b"content-type", b"range"))
"""Request headers that pages may send anyway, and that browsers ask for when their values are unusual."""

EXPOSED = (
    b"Accept-Ranges",
    b"Allow",
    b"Content-Length",
    b"Content-Range",
    b"Docker-Content-Digest",
    b"Docker-Distribution-API-Version",
    b"Docker-Upload-UUID",
    b"ETag",
    b"Link",
    b"Location",
    b"OCI-Filters-Applied",
    b"OCI-Subject",
    b"OCI-Tag",
    b"Range",
    b"Retry-After",
    b"WWW-Authenticate",
    b"X-Request-Id",
)
"""Headers of answers that pages may read: all that say anything."""

PREFLIGHT_VARY = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
)


class Cors:
    """`origins` and `headers` are lists, or `*` for all."""

    def __init__(self, origins: Iterable[str], headers: Iterable[str], *, credentials: bool, max_age: int) -> None:
        self._origins = frozenset(map(_serialized, origins))
        self._any_origin = b"*" in self._origins
        allowed = {name.lower().encode() for name in headers}
        self._any_header = b"*" in allowed
        self._headers = allowed | SAFELISTED
        exposed = (b"access-control-expose-headers", b", ".join(EXPOSED))
        self._always: Headers = [] if self._any_origin else [(b"vary", b"Origin")]
        self._granted: Headers = [exposed]
        self._credentials: Headers = [(b"access-control-allow-credentials", b"true")] if credentials else []
        self._preflight: Headers = [
            (b"access-control-allow-methods", ", ".join(METHODS).encode()),
            (b"access-control-max-age", b"%d" % max_age),
        ]

    def granted(self, origin: bytes | None) -> Headers:
        """What an answer gets, whatever it is. `Vary` also without an origin: caches keep one answer for both."""
        return self._always + (self._granted + self._allowed(origin) if origin is not None else [])

    def preflight(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> Answer | None:
        """The answer to a preflight; None for any other request."""
        if method != "OPTIONS":
            return None
        asked = dict(headers)
        origin, wanted = asked.get(b"origin"), asked.get(b"access-control-request-method")
        if origin is None or wanted is None:
            return None
        fields = [name.strip().lower() for name in asked.get(b"access-control-request-headers", b"").split(b",")]
        fields = [name for name in fields if name]
        allowed = self._allowed(origin)
        sentence = self._objection(origin if not allowed else None, wanted, fields)
        answer = Answer(204) if sentence is None else render(Denied(sentence))
        answer.headers.append(PREFLIGHT_VARY)
        if allowed:
            named = sorted(set(fields) if self._any_header else self._headers)
            answer.headers += allowed + self._preflight + [(b"access-control-allow-headers", b", ".join(named))]
            if asked.get(b"access-control-request-private-network") == b"true":
                answer.headers.append((b"access-control-allow-private-network", b"true"))
        return answer

    def _allowed(self, origin: bytes) -> Headers:
        """The headers that let this origin in; none for another's."""
        if self._any_origin:
            return [(b"access-control-allow-origin", b"*")]
        if origin not in self._origins:
            return []
        return [(b"access-control-allow-origin", origin), *self._credentials]

    def _objection(self, stranger: bytes | None, method: bytes, fields: list[bytes]) -> str | None:
        """Why the request that is announced may not be sent, or None."""
        if stranger is not None:
            return f"origin {_shown(stranger)} is not in cors.allow_origins"
        if method.decode("latin-1") not in METHODS:
            return f"method {_shown(method)} is not for other origins, {', '.join(METHODS)} are"
        refused = [] if self._any_header else [name for name in fields if name not in self._headers]
        return f"header {_shown(refused[0])} is not in cors.allow_headers" if refused else None


def _serialized(origin: str) -> bytes:
    """As browsers write it: in lower case, without the port that its scheme implies."""
    origin = origin.lower()
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80").encode()


def _shown(value: bytes) -> str:
    return repr(value[:100].decode("latin-1"))
