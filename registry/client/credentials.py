"""What a user shows a registry: a password, an identity token, or a ready token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Basic:
    """A user and a password (or an access token in its place)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """An OAuth2 refresh token, given by a token server at login in place of the password."""

    token: str = field(repr=False)
    username: str = ""


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token that is shown as it is, to the registry alone."""

    token: str = field(repr=False)


Credentials: TypeAlias = Basic | IdentityToken | RegistryToken
