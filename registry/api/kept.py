"""Answers kept for requests that come again, byte for byte the same, as long as nothing in the index has changed.

The index itself says whether it has (`Database.generation`), on every request, so an answer is never older than a
read would be: a tag moved by another worker is moved here. Bytes of blobs are not kept, only where they are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from registry.metadata.session import Generation

LONGEST_REQUEST = 2048
LONGEST_BODY = 64 * 1024
MOST_BYTES = 8 * 1024 * 1024
"""Bounds, in bytes; the last one is of everything kept."""

_OVERHEAD = 1024
"""What an answer takes besides its request and body, in bytes, roughly."""


@dataclass(slots=True)
class Found:
    """An answer but for what is new in each: the request's id, and the bytes of a blob."""

    route: str
    head: bytes
    """From the first header of its own up to the request's id."""
    body: bytes
    path: str = ""
    """The file of a blob, which is looked at again and again."""
    looked: float = -1e9
    """When it was last, in `time.perf_counter` seconds."""
    size: int = 0
    digest: str = ""
    method: str = ""
    url: bytes = b""
    agent: bytes = b""
    asked: Any = None
    """How it was found, and can be found again."""


class Kept:
    """The latest answers found, by the bytes of the request."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, tuple[Generation, Found]] = OrderedDict()
        self._bytes = 0

    def find(self, request: bytes, generation: Callable[[], Generation | None]) -> Found | None:
        """The answer, if it was found in the present generation of the index."""
        kept = self._answers.get(request)
        return None if kept is None or kept[0] != generation() else kept[1]

    def known(self, request: bytes) -> tuple[Generation, Found] | None:
        """The answer, and the generation of the index in which it was found."""
        return self._answers.get(request)

    def keep(self, request: bytes, generation: Generation | None, found: Found) -> None:
        """Keep it, where it may be kept; the oldest make room."""
        if generation is None or len(request) > LONGEST_REQUEST or len(found.body) > LONGEST_BODY:
            return
        self._drop(request)
        self._answers[request] = (generation, found)
        self._bytes += _cost(request, found)
        while self._bytes > MOST_BYTES:
            self._drop(next(iter(self._answers)))  # of a plain dict this would walk over all that is gone

    def _drop(self, request: bytes) -> None:
        kept = self._answers.pop(request, None)
        if kept is not None:
            self._bytes -= _cost(request, kept[1])


def _cost(request: bytes, found: Found) -> int:
    return len(request) + len(found.body) + _OVERHEAD
