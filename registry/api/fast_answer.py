"""What a route declares to be answered fast, and what such an answer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from registry.api.answer import Headers
from registry.api.path import Path
from registry.api.services import Services
from registry.metadata.session import Session


@dataclass(slots=True)
class FastAnswer:
    """A whole 200, but for what is new in each: the request's id, and the bytes of a blob.

    `headers` are all of its own, the length among them. Of a blob in a file, `path` and `size` are given
    instead of `body`; `blob` is its repository and digest.
    """

    headers: Headers
    body: bytes = b""
    path: str = ""
    size: int = 0
    blob: tuple[str, str] | None = None
    head: bytes = b""
    """The headers as they are written, made once."""
    looked: float = -1e9
    """When the file was looked at last, in `time.perf_counter` seconds."""


class Fast(NamedTuple):
    """How a route answers a GET or HEAD in one call on the event loop, by one indexed read."""

    find: Callable[[Session, Path], Any]
    """The row of the index that the answer is made of, or why there is none: a RegistryFault."""
    build: Callable[[Services, Path, str, Any], FastAnswer | None]
    """The answer to a method, made of the row; None for what takes longer than that, and is left to the handler."""
