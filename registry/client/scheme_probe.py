"""By which scheme a registry is reached when the user did not say: docker's habit, found out once per client.

A registry of this machine speaks plain HTTP, unless it answers that it does not. One that is called insecure speaks
HTTPS by any certificate, and if it cannot, plain HTTP. Every other one speaks HTTPS and nothing else.
"""

from __future__ import annotations

from registry.client.endpoint import Origin, endpoint
from registry.client.errors import ClientError, Untrusted
from registry.client.transport import Request, Transport

_NOT_THIS_SCHEME = 400
"""What servers of TLS answer, as far as they answer, to a request in the clear."""


def candidates(host: str, plain_http: bool | None, *, insecure: bool) -> tuple[Origin, ...]:
    """The origins that a name may mean, the likeliest first. Raises InvalidName."""
    first = endpoint(host, plain_http)
    if plain_http is None and (insecure or first.is_loopback):
        return (first, endpoint(host, first.scheme == "https"))
    return (first,)


def choose(origins: tuple[Origin, ...], transport: Transport) -> Origin | None:
    """The first one that answers in its own scheme; None while none does. A single one is not asked."""
    if len(origins) == 1:
        return origins[0]
    return next((origin for origin in origins if _speaks(origin, transport)), None)


def _speaks(origin: Origin, transport: Transport) -> bool:
    try:
        with transport.once(Request("GET", f"{origin}/v2/")) as answer:
            return origin.scheme == "https" or answer.status != _NOT_THIS_SCHEME
    except Untrusted:
        return True
    except ClientError:
        return False
