"""Preconditions on a tag or manifest (RFC 9110 section 13), the compare-and-swap of tags."""

from __future__ import annotations

from dataclasses import dataclass

from registry.oci.errors import PreconditionFailed


@dataclass(frozen=True, slots=True)
class Conditions:
    """`If-Match` and `If-None-Match` as sets of digests; `*` stands for any; None where the header is absent."""

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def check(self, name: str, current: str | None) -> None:
        """Raises PreconditionFailed unless `name`, at `current` or absent, meets both."""
        if self.match is not None and not _meets(self.match, current):
            raise PreconditionFailed(
                f"{name} is {'at ' + current if current else 'not there'}, not what If-Match asks for",
                {"current": current},
            )
        if self.none_match is not None and _meets(self.none_match, current):
            raise PreconditionFailed(f"{name} is there already, at {current}", {"current": current})


def _meets(wanted: frozenset[str], current: str | None) -> bool:
    return current is not None and ("*" in wanted or current in wanted)
