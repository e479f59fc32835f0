"""Digests: an algorithm and the hexadecimal hash of some bytes, `sha256:9f86...`."""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol, TypeAlias

from storage.errors import InvalidDigest

Buffer: TypeAlias = bytes | bytearray | memoryview

ALGORITHMS = {"sha256": 64, "sha512": 128}
"""Those we store by, with the length of their hexadecimal form."""


class Hash(Protocol):
    """A running hash, as hashlib makes them (they release the interpreter lock while they work)."""

    def update(self, data: Buffer, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Hash: ...


# OCI image spec, "Digests": digest ::= algorithm ":" encoded; for both registered algorithms /[a-f0-9]{n}/.
_DIGEST = re.compile("|".join(f"{name}:[a-f0-9]{{{length}}}" for name, length in ALGORITHMS.items()), re.ASCII)

_SHOWN = 160
"""Characters of a bad digest that an error repeats."""


class Digest(NamedTuple):
    """Made by `parse` or `of`, which check; `str()` is the form on the wire."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Raises InvalidDigest."""
        if _DIGEST.fullmatch(text) is None:
            known = " or ".join(f"{name}:<{length} digits of 0-9 and a-f>" for name, length in ALGORITHMS.items())
            raise InvalidDigest(f"digest {text[:_SHOWN]!r} is not valid, use {known}")
        algorithm, _, digits = text.partition(":")
        return cls(algorithm, digits)

    @classmethod
    def of(cls, data: Buffer, algorithm: str = "sha256") -> Digest:
        """The digest of these bytes. Raises InvalidDigest for an unknown algorithm."""
        running = hasher(algorithm)
        running.update(data)
        return cls(algorithm, running.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def hasher(algorithm: str) -> Hash:
    """A new running hash. Raises InvalidDigest for an unknown algorithm."""
    if algorithm not in ALGORITHMS:
        raise InvalidDigest(
            f"digest algorithm {algorithm[:_SHOWN]!r} is not supported, use one of {', '.join(ALGORITHMS)}"
        )
    import hashlib  # here: it loads all of OpenSSL, which who only names blobs need not wait for

    running: Hash = getattr(hashlib, algorithm)()
    return running
