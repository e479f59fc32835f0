"""Tokens of a token server: what is asked of it, and what its answer says. Pure.

Docker's token authentication: GET realm?service=..&scope=..&scope=.., with a password in Authorization: Basic or
anonymously; POST with an identity token, as an OAuth2 refresh token. A token lives a minute when nothing else is said.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from urllib.parse import urlencode

from registry.client.challenge import Challenge
from registry.client.credentials import Basic, Credentials, IdentityToken
from registry.client.errors import InvalidAnswer
from registry.client.transport import Request

CLIENT_ID = "entrepot"

_SHORTEST = 60.0
_LONGEST = 86_400.0
_MARGIN_SECONDS = 5.0
"""Seconds before its end in which a token is not begun with."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token with what it was asked for; `until` is by the clock of its reader, in seconds."""

    value: str
    scopes: frozenset[str]
    until: float
    refresh: str = ""


def basic(credentials: Basic) -> str:
    """The Authorization of a user and a password."""
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def request(
    challenge: Challenge, scopes: frozenset[str], credentials: Credentials | None, *, offline: bool = False
) -> Request:
    """The request for a token; with `offline`, one for an identity token with it."""
    ordered = sorted(scopes)
    if isinstance(credentials, IdentityToken):
        form = {"grant_type": "refresh_token", "service": challenge.service, "client_id": CLIENT_ID}
        form |= {"refresh_token": credentials.token}
        if ordered:
            form["scope"] = " ".join(ordered)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", challenge.realm, kind, urlencode(form).encode())
    query = [("service", challenge.service)] if challenge.service else []
    query += [("scope", scope) for scope in ordered]
    headers = {}
    if isinstance(credentials, Basic):
        query.append(("account", credentials.username))
        headers["Authorization"] = basic(credentials)
    if offline:
        query += [("offline_token", "true"), ("client_id", CLIENT_ID)]
    joint = "&" if "?" in challenge.realm else "?"
    return Request("GET", f"{challenge.realm}{joint}{urlencode(query)}" if query else challenge.realm, headers)


def read(payload: bytes, scopes: frozenset[str], now: float) -> Token:
    """The token of an answer that came at `now`. Raises InvalidAnswer."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidAnswer("the token server answered what is not a JSON object")
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidAnswer("the token server answered without a token")
    seconds = document.get("expires_in")
    life = float(seconds) if isinstance(seconds, (int, float)) and 0 < seconds < _LONGEST else _SHORTEST
    refresh = document.get("refresh_token")
    until = now + max(life, _SHORTEST) - _MARGIN_SECONDS
    return Token(value, scopes, until, refresh if isinstance(refresh, str) else "")


def covers(have: frozenset[str], wanted: frozenset[str]) -> bool:
    """Whether what a token was asked for includes all that is wanted, by resource and action."""
    actions: dict[str, set[str]] = {}
    for scope in have:
        resource, _, names = scope.rpartition(":")
        actions.setdefault(resource, set()).update(names.split(","))
    return all(
        set(names.split(",")) <= actions.get(resource, set())
        for resource, _, names in (scope.rpartition(":") for scope in wanted)
    )
