"""Answers kept for requests that come again, for as long as nothing in the index has changed and nothing has expired.

The index itself says whether it has changed (`Database.generation`), on every request, so an answer is never older than
a read would be: a tag moved by another worker is moved here. It is kept with the grant under which it was given, and is
never given when that has expired or was revoked. Bytes of blobs are not kept, only where they are.

What it gains: such an answer is a look-up and a comparison, with no parsing, read or building ("manifest by tag" in
docs/benchmarks.md, beside "at random over all tags, no request twice").

A key is the whole request in its bytes, which need not even be parsed when it comes again; or, for requests that differ
in what a proxy says of the client, what the answer depends on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from registry.api.fast_answer import FastAnswer
from registry.auth.gate import Grant
from registry.metadata.session import Generation

LONGEST_REQUEST = 2048
LONGEST_BODY = 64 * 1024
MOST_BYTES = 8 * 1024 * 1024
"""Bounds, in bytes; the last one is of everything kept."""

_OVERHEAD = 1024
"""What an answer takes besides its request and body, in bytes, roughly."""

R = TypeVar("R")


class Kept(NamedTuple, Generic[R]):
    """An answer, when it was true, by whose right, and the request it was given to."""

    generation: Generation
    grant: Grant
    answer: FastAnswer
    request: R
    cost: int


class CachedAnswers(Generic[R]):
    """The latest answers found."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Kept[R]] = OrderedDict()
        self._bytes = 0
        self.get = self._kept.get
        """What was kept, whether it is still good or not."""

    def keep(
        self, key: Hashable, size: int, generation: Generation | None, grant: Grant, answer: FastAnswer, request: R
    ) -> None:
        """Keep it, where it may be kept; the oldest make room. `size` is the key's, in bytes."""
        if generation is None or size > LONGEST_REQUEST or len(answer.body) > LONGEST_BODY:
            return
        self._drop(key)
        cost = size + len(answer.body) + _OVERHEAD
        self._kept[key] = Kept(generation, grant, answer, request, cost)
        self._bytes += cost
        while self._bytes > MOST_BYTES:
            self._drop(next(iter(self._kept)))  # of a plain dict this would walk over all that is gone

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.cost
