"""What `network prune` and `volume prune` may take: docker's filters until=, label= and label!=."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import duration
from runtime.cli.units import moment
from runtime.images.select import filters, labelled

_SECOND: Final = 10**9

Fits = Callable[[str, Mapping[str, str]], bool]
"""Whether something made then (RFC 3339), with these labels, may go."""


def fitting(given: Iterable[str], known: tuple[str, ...] = ("until", "label", "label!")) -> Fits:
    """Read the filters. Raises BadFilter, click.BadParameter."""
    wanted = filters(given, known)
    until = [_time(text) for text in wanted.get("until", ())]

    def fits(created: str, labels: Mapping[str, str]) -> bool:
        made = moment(created)
        if until and (made is None or any(made >= one for one in until)):
            return False
        if any(labelled(labels, [one]) for one in wanted.get("label!", ())):
            return False
        return labelled(labels, wanted.get("label", ()))

    return fits


def _time(text: str) -> datetime:
    """Now less an age like 24h, or a time."""
    read = moment(text)
    if read is not None and not text.isdigit():
        return read
    if text.isdigit() and len(text) < 12:
        return datetime.fromtimestamp(int(text), UTC)
    try:
        return datetime.now(UTC) - timedelta(seconds=duration.read(text) / _SECOND)
    except (ValueInvalid, OverflowError):
        raise click.BadParameter(
            f"until={text[:40]} is neither an age like 24h nor a time like 2026-01-31T10:00:00"
        ) from None
