"""The shape of an upload: how large its parts are, and what has to be known of it to go on elsewhere.

S3 takes 10,000 parts at most and objects up to 5 TiB, and how large a blob will be is not known when it begins. So the
first 950 parts have the size that was asked for, the next 950 twice that, and so on.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from storage.drivers.s3.bucket import Part

MOST_PARTS = 10_000
LARGEST_PART = 5 << 30
ALIKE = 950
"""Parts of one size before the next are twice as large."""


def part_size(number: int, first: int) -> int:
    """Bytes of the part with that number, counted from 1, when the first has `first`."""
    return min(first << (number - 1) // ALIKE, LARGEST_PART)


@dataclass(slots=True)
class State:
    """What `Writer.suspend` tells. The bytes, in order: the parts, the tails, what is inline."""

    place: str = ""
    upload: str = ""
    parts: list[Part] = field(default_factory=list)
    tails: list[tuple[str, int]] = field(default_factory=list)
    """Paths and sizes of objects that hold less than a part together."""
    stale: list[str] = field(default_factory=list)
    """Paths of tails that the states before this one needed."""
    inline: bytes = b""
    done: int = -1
    """The size in bytes, once they are all at `place` for good; -1 before."""
    received: int = -1
    """How many of those have come, when another has completed it and they come again; -1 for all."""

    @property
    def size(self) -> int:
        """Bytes of it all."""
        if self.done >= 0:
            return self.done if self.received < 0 else self.received
        return sum(part.size for part in self.parts) + sum(size for _, size in self.tails) + len(self.inline)

    def encode(self) -> str:
        """As text, to be kept."""
        sizes = [[size, len(list(same))] for size, same in groupby(part.size for part in self.parts)]
        known: dict[str, object] = {
            "place": self.place,
            "upload": self.upload,
            "etags": [part.etag for part in self.parts],
            "sizes": sizes,
            "tails": self.tails,
            "stale": self.stale,
            "inline": base64.b64encode(self.inline).decode(),
        }
        if self.done >= 0:
            known = {"place": self.place, "done": self.done, "stale": self.stale}
            if self.size != self.done:
                known["received"] = self.received
        return json.dumps({name: value for name, value in known.items() if value not in ("", [])})

    @classmethod
    def decode(cls, text: str) -> State:
        """Raises ValueError."""
        try:
            known = json.loads(text)
            return cls(
                place=str(known.get("place", "")),
                upload=str(known.get("upload", "")),
                parts=_parts(known.get("etags", ()), known.get("sizes", ())),
                tails=[(str(path), int(size)) for path, size in known.get("tails", ())],
                stale=[str(path) for path in known.get("stale", ())],
                inline=base64.b64decode(known.get("inline", ""), validate=True),
                done=int(known.get("done", -1)),
                received=int(known.get("received", -1)),
            )
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"not the state of an upload: {text[:80]!r}") from error


def _parts(etags: Sequence[str], sizes: Sequence[tuple[int, int]]) -> list[Part]:
    each = [int(size) for size, count in sizes for _ in range(count)]
    return [Part(str(etag), size) for etag, size in zip(etags, each, strict=True)]
