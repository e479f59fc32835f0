"""Sizes and times as docker shows them."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def size(count: float, digits: int = 4) -> str:
    """Bytes in units of a thousand, with so many digits that count: 3.623MB."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.{digits}g}{_UNITS[unit]}"


def binary(count: int) -> str:
    """Bytes in units of 1024, as memory is shown: 23.54GiB."""
    value, names = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(names) > 1:
        value, names = value / 1024, names[1:]
    return f"{value:.4g}{names[0]}"


def duration(seconds: float) -> str:
    """About how long, in words: About an hour, 3 days."""
    count = int(seconds)
    if count < 1:
        return "Less than a second"
    if count == 1:
        return "1 second"
    if count < _MINUTE:
        return f"{count} seconds"
    if count < 2 * _MINUTE:
        return "About a minute"
    if round(count / _MINUTE) < 46:
        return f"{count // _MINUTE} minutes"
    if count < 1.5 * _HOUR:
        return "About an hour"
    if count < 2 * _DAY:
        return f"{round(count / _HOUR)} hours"
    if count < 14 * _DAY:
        return f"{count // _DAY} days"
    if count < 60 * _DAY:
        return f"{count // (7 * _DAY)} weeks"
    if count < 730 * _DAY:
        return f"{count // (30 * _DAY)} months"
    return f"{count // (365 * _DAY)} years"


def moment(text: str) -> datetime | None:
    """A time as configs have it (RFC 3339), None when it is none; fractions finer than we keep are cut."""
    head, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        head = f"{head}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    try:
        read = datetime.fromisoformat(head)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def ago(text: str, now: datetime | None = None) -> str:
    """How long ago a time was, N/A for one that is not known."""
    read = moment(text)
    if read is None or read.year <= 1:
        return "N/A"
    return f"{duration(((now or datetime.now(UTC)) - read).total_seconds())} ago"


def stamp(text: str) -> str:
    """A time as docker lists it: 2026-08-01 10:00:00 +0000 UTC."""
    read = moment(text)
    return "" if read is None else read.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
