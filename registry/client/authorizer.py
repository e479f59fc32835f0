"""What stands in Authorization: learned from the registry's challenge, shown from then on without being asked.

A token serves every request that its scopes cover, until it expires or is refused. One thread asks for a token, the
others wait for it. Credentials go to the registry itself and to the token server it names: to that one only over TLS,
unless it is the registry's own origin or this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock

from registry.client import token
from registry.client.challenge import Challenge
from registry.client.credentials import Basic, Credentials, IdentityToken, RegistryToken
from registry.client.endpoint import Origin, origin_of
from registry.client.errors import RegistryError, Unauthorized, UnsafeRealm
from registry.client.refusal import refusal
from registry.client.token import Token
from registry.client.transport import Transport

_LONGEST_ANSWER = 1 << 20


class Authorizer:
    """Of one registry and one user (or none)."""

    def __init__(
        self,
        origin: Origin,
        transport: Transport,
        credentials: Credentials | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._origin = origin
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._challenge: Challenge | None = None
        self._tokens: list[Token] = []
        self._lock = Lock()

    def header(self, scopes: frozenset[str]) -> str:
        """The Authorization to begin with, empty while the registry has not asked for any. Raises Unauthorized."""
        if isinstance(self._credentials, RegistryToken):
            return f"Bearer {self._credentials.token}"
        challenge = self._challenge
        if challenge is None:
            return ""
        if challenge.scheme == "basic":
            return token.basic(self._credentials) if isinstance(self._credentials, Basic) else ""
        return self._bearer(challenge, scopes, refused="")

    def challenged(self, challenges: Sequence[Challenge], scopes: frozenset[str], refused: str) -> str:
        """The Authorization to try after a 401; `refused` is what was shown. Empty: there is nothing more to show."""
        if isinstance(self._credentials, RegistryToken):
            return ""
        chosen = _chosen(challenges)
        if chosen is None:
            return ""
        self._challenge = chosen
        if chosen.scheme == "bearer":
            return self._bearer(chosen, scopes, refused)
        shown = token.basic(self._credentials) if isinstance(self._credentials, Basic) else ""
        return "" if shown == refused else shown

    def identity(self) -> IdentityToken | None:
        """An identity token in place of the password, when the token server gives one; for logging in."""
        challenge, credentials = self._challenge, self._credentials
        if challenge is None or challenge.scheme != "bearer" or not isinstance(credentials, Basic):
            return None
        try:
            fetched = self._fetch(challenge, challenge.scopes, offline=True)
        except RegistryError:
            return None
        return IdentityToken(fetched.refresh, credentials.username) if fetched.refresh else None

    def _bearer(self, challenge: Challenge, scopes: frozenset[str], refused: str) -> str:
        wanted = scopes or challenge.scopes
        with self._lock:
            now = self._clock()
            self._tokens = [have for have in self._tokens if have.until > now and f"Bearer {have.value}" != refused]
            for have in self._tokens:
                if token.covers(have.scopes, wanted):
                    return f"Bearer {have.value}"
            # What the registry names may be more than we thought of: older ones want "*" to delete.
            asked = wanted | challenge.scopes if refused or not scopes else wanted
            fetched = self._fetch(challenge, asked)
            self._tokens.append(fetched)
        return f"Bearer {fetched.value}"

    def _fetch(self, challenge: Challenge, scopes: frozenset[str], *, offline: bool = False) -> Token:
        realm = origin_of(challenge.realm)
        if self._credentials is not None and not self._is_safe(realm):
            raise UnsafeRealm(
                f"{self._origin.netloc} wants credentials to be sent to {realm}, which is plain http; "
                "ask its operator for a token server with https"
            )
        asked = token.request(challenge, scopes, self._credentials, offline=offline)
        answer = self._transport.send(asked)
        if answer.status >= 400:
            error = refusal(answer, f"the token server {realm.netloc}")
            if answer.status in (401, 403):
                raise Unauthorized(str(error), answer.status, error.items) from error
            raise error
        with answer:
            fetched = token.read(answer.body(_LONGEST_ANSWER), scopes, self._clock())
        if fetched.refresh and isinstance(self._credentials, IdentityToken):
            self._credentials = IdentityToken(fetched.refresh, self._credentials.username)
        return fetched

    def _is_safe(self, realm: Origin) -> bool:
        return realm.scheme == "https" or realm.is_loopback or realm == self._origin


def _chosen(challenges: Sequence[Challenge]) -> Challenge | None:
    """A Bearer before a Basic, as docker has it; None when we speak neither."""
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme and (challenge.realm or scheme == "basic"):
                return challenge
    return None
