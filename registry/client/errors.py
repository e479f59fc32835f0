"""What a client of a registry can fail with.

ClientError
├── Unreachable                  no whole answer: no listener, a proxy fails
│   ├── UnknownHost              no such name in the DNS
│   ├── TimedOut                 nothing came for the time allowed
│   ├── Dropped                  the connection ended in the middle of a request or an answer
│   ├── NoTls                    TLS could not be agreed on: it may not speak it
│   └── Untrusted                the certificate is not trusted
├── RegistryError                the registry answered with an error: status, and the codes of its body
│   ├── Unauthorized             401: not logged in, or not with these credentials
│   ├── Denied                   403
│   ├── NotFound                 404: no such repository, manifest, blob or upload
│   ├── RangeNotSatisfiable      416: not at this offset
│   ├── TooManyRequests          429: `retry_after` in seconds
│   └── Unavailable              5xx
├── InvalidAnswer                the answer is not what the spec allows
│   └── TooLarge                 it has more bytes than it may have
├── DigestMismatch               the bytes are not those of the digest
├── SizeMismatch                 the bytes are fewer or more than was said
├── UnsafeRealm                  credentials would have gone over plain HTTP to another host
├── InvalidName                  not the name of a registry, a repository, a tag or a digest
├── TlsFiles                     a CA or client certificate cannot be used
├── ConfigInvalid                docker's config.json cannot be read or written
└── HelperFailed                 a docker-credential helper is missing or failed

Exceptions of urllib3 never leave this room: `translate.py` makes them these.
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorItem(NamedTuple):
    """One error of an answer's body (distribution spec, "Error Codes")."""

    code: str
    message: str


class ClientError(Exception):
    """Base of all; its text is fit to be shown."""


class Unreachable(ClientError):
    """No whole answer came."""


class UnknownHost(Unreachable):
    """There is no such name in the DNS."""


class TimedOut(Unreachable):
    """Nothing came for the time allowed."""


class Dropped(Unreachable):
    """The connection ended in the middle of a request or an answer."""


class NoTls(Unreachable):
    """TLS could not be agreed on: the other side may not speak it."""


class Untrusted(Unreachable):
    """The certificate is not trusted, or is for another name."""


class RegistryError(ClientError):
    """The registry refused; `status` is HTTP's, `items` the errors of the body, none when it had another form."""

    def __init__(
        self, message: str, status: int, items: tuple[ErrorItem, ...] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.items = items
        self.retry_after = retry_after

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the body, such as MANIFEST_UNKNOWN."""
        return frozenset(item.code for item in self.items)


class Unauthorized(RegistryError):
    """Not logged in, or not with these credentials, or they may not do this."""


class Denied(RegistryError):
    """Known, and not allowed to."""


class NotFound(RegistryError):
    """No such repository, manifest, blob or upload."""


class RangeNotSatisfiable(RegistryError):
    """The registry does not hold these bytes, or does not go on from there."""


class TooManyRequests(RegistryError):
    """Asked too often; `retry_after` is in seconds, None when the registry does not say."""


class Unavailable(RegistryError):
    """The registry or something before it is in trouble; later may help."""


class InvalidAnswer(ClientError):
    """The answer is not what the spec allows."""


class TooLarge(InvalidAnswer):
    """The answer has more bytes than such an answer may have."""


class DigestMismatch(ClientError):
    """The bytes are not those of the digest."""

    def __init__(self, what: str, expected: str, actual: str) -> None:
        super().__init__(f"{what}: the bytes have digest {actual}, not {expected}")
        self.expected = expected
        self.actual = actual


class SizeMismatch(ClientError):
    """The bytes are fewer or more than was said."""

    def __init__(self, what: str, expected: int, actual: int) -> None:
        super().__init__(f"{what}: {actual} bytes, not {expected}")
        self.expected = expected
        self.actual = actual


class UnsafeRealm(ClientError):
    """Credentials would have gone over plain HTTP to another host."""


class InvalidName(ClientError):
    """Not the name of a registry, a repository, a tag or a digest."""


class TlsFiles(ClientError):
    """A CA or client certificate cannot be used."""


class ConfigInvalid(ClientError):
    """Docker's config.json cannot be read or written."""


class HelperFailed(ClientError):
    """A docker-credential helper is missing or failed."""
