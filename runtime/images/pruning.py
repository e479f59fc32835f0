"""Which images `image prune` may take: docker's filters of it."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from runtime.images.errors import BadFilter
from runtime.images.image import Image
from runtime.images.select import filters, labelled

_KNOWN: Final = ("until", "label", "label!")
_AGE: Final = re.compile(r"(\d+)(d|h|m|s)")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def fitting(given: Iterable[str]) -> Callable[[Image], bool]:
    """Read `until=24h`, `until=2026-01-01T00:00:00`, `label=...`, `label!=...`. Raises BadFilter."""
    wanted = filters(given, _KNOWN)
    until = [_time(text) for text in wanted.get("until", ())]

    def fits(image: Image) -> bool:
        created = _parsed(image.created)
        if until and (created is None or any(created >= one for one in until)):
            return False
        labels = image.config.labels
        if any(labelled(labels, [one]) for one in wanted.get("label!", ())):
            return False
        return labelled(labels, wanted.get("label", ()))

    return fits


def _time(text: str) -> datetime:
    """Now less an age like 1h30m, or a date. Raises BadFilter."""
    parts = _AGE.findall(text)
    if parts and "".join(f"{number}{unit}" for number, unit in parts) == text:
        try:
            return datetime.now(UTC) - timedelta(**{_UNITS[unit]: int(number) for number, unit in parts})
        except OverflowError:
            raise BadFilter(f"filter until={text[:40]} is too long ago") from None
    if text.isdigit() and len(text) < 12:
        return datetime.fromtimestamp(int(text), UTC)
    read = _parsed(text)
    if read is None:
        raise BadFilter(f"filter until={text[:40]!r} is neither an age like 24h nor a time like 2026-01-31T10:00:00")
    return read


def _parsed(text: str) -> datetime | None:
    try:
        # Configs have nanoseconds, Python reads microseconds.
        read = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
