"""The one gate: every request asks it before anything is read or done for it, and a mount asks it a second time.

Who a request comes from is worked out once for the same credentials and remembered until that expires. A grant is one
object for all answers given under it, so whoever keeps an answer compares `grant.expires` with the clock and no more:
that is past when the credentials are, and as soon as the principal's rights are revoked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from registry.auth.access import ANONYMOUS, Action, Target
from registry.auth.identity import Identities, Identity
from registry.oci.errors import Denied, Unauthorized

REMEMBERED = 1000
"""Credentials whose identity is remembered; the oldest make room, but for no credentials at all."""

LONGEST = 4096
"""Bytes of credentials that are remembered."""

Refusal = Denied | Unauthorized


class Grant:
    """That a principal may do what it asked for; good until `expires` (Unix seconds)."""

    __slots__ = ("expires", "principal")

    def __init__(self, principal: str, expires: float) -> None:
        self.principal = principal
        self.expires = expires


class _Known(NamedTuple):
    identity: Identity
    grant: Grant


class Gate:
    """For one worker. Without an identity it grants nothing, and with one nothing that the identity does not allow."""

    def __init__(self, identities: Identities, clock: Callable[[], float] = time.time) -> None:
        self._identities = identities
        self._clock = clock
        self._known: dict[bytes, _Known] = {}

    def decide(self, credentials: bytes, action: Action, target: Target) -> Grant | Refusal:
        """`credentials` is the value of `Authorization`, empty where there is none."""
        known = self._known.get(credentials)
        if known is None or known.grant.expires <= self._clock():
            known = self._identified(credentials)
            if known is None:
                return self._unauthorized("the credentials are not valid here, log in again")
        if known.identity.allows(action, target):
            return known.grant
        return self._refused(known.identity.principal, action, target)

    def revoke(self, principal: str) -> None:
        """Forget what the principal may do: nothing granted to it before is good any more, kept answers included."""
        for credentials, known in list(self._known.items()):
            if known.grant.principal == principal:
                known.grant.expires = 0.0
                del self._known[credentials]

    def _identified(self, credentials: bytes) -> _Known | None:
        self._known.pop(credentials, None)
        identity = self._identities.identify(credentials)
        if identity is None or identity.expires <= self._clock():
            return None
        if len(credentials) > LONGEST:
            return _Known(identity, Grant(identity.principal, 0.0))  # for this request alone
        while len(self._known) >= REMEMBERED:
            # What is forgotten could not be revoked any more, so it ends now.
            oldest = next(known for known in self._known if known)
            self._known.pop(oldest).grant.expires = 0.0
        known = self._known[credentials] = _Known(identity, Grant(identity.principal, identity.expires))
        return known

    def _refused(self, principal: str, action: Action, target: Target) -> Refusal:
        if principal != ANONYMOUS:
            of = f" of {target.repository}" if target.repository else ""
            return Denied(f"{action.value}{of} is not granted to {principal}", {"action": action.value})
        if self._identities.challenge:
            return self._unauthorized("log in first")
        return Denied(
            f"{action.value} is not granted to anonymous clients here (access.anonymous)", {"action": action.value}
        )

    def _unauthorized(self, message: str) -> Refusal:
        challenge = self._identities.challenge
        return Unauthorized(message, headers={"www-authenticate": challenge} if challenge else None)
