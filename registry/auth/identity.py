"""Whose credentials these are, and what that principal may do: the seam at which users and tokens come in."""

from __future__ import annotations

import math
from typing import Protocol

from registry.auth.access import ANONYMOUS, GRANTS, Action, Target


class Identity(Protocol):
    """A principal, as one set of credentials proves it."""

    @property
    def principal(self) -> str: ...

    @property
    def expires(self) -> float:
        """When the credentials, or what is known of the principal's rights, are to be looked at anew (Unix seconds)."""

    def allows(self, action: Action, target: Target) -> bool: ...


class Identities(Protocol):
    """Tells who a request comes from. Called on the event loop, so it must not block."""

    challenge: str
    """`WWW-Authenticate` for a request that must name a principal first; empty where there are none but anonymous."""

    def identify(self, credentials: bytes) -> Identity | None:
        """The identity that the value of `Authorization` proves, empty for none given; None when it proves nothing."""


class Everyone:
    """The one identity there is without users: every request is anonymous, whatever credentials it brings.

    `level` is the value of `access.anonymous`.
    """

    challenge = ""
    principal = ANONYMOUS
    expires = math.inf

    def __init__(self, level: str) -> None:
        self._granted = GRANTS[level]

    def identify(self, credentials: bytes) -> Identity:
        return self

    def allows(self, action: Action, target: Target) -> bool:
        return action in self._granted
