"""What a follower of events is; the rules that it may rely on are in followers.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from registry.metadata.events import EventRow


class Follower(Protocol):
    """Keeps something in step with the index. Its methods block, and are called by one thread at a time."""

    @property
    def name(self) -> str:
        """Of its cursor, its job and its lag."""

    def rebuild(self) -> Iterator[None]:
        """Make everything from the index as it is now, in steps; what was made before may be made again."""

    def apply(self, batch: Sequence[EventRow]) -> None:
        """Deal with these events for good; harmless when some or all of them were dealt with before."""
