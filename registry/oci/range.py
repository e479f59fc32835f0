"""Byte ranges: the Range header of a download and the Content-Range of an upload's chunk."""

import re
from typing import Final

_LARGEST: Final = 2**63 - 1
_range = re.compile(r"([0-9]*)-([0-9]*)").fullmatch
_content_range = re.compile(r"(?:bytes[ =])?([0-9]{1,19})-([0-9]{1,19})(?:/(\*|[0-9]{1,19}))?").fullmatch


class RangeUnsatisfiable(ValueError):
    """None of the ranges asked for overlaps the content."""


def _number(text: str) -> int:
    # A longer number means the same as the largest; int() itself refuses thousands of digits.
    digits = text.lstrip("0")
    return min(int(digits or "0"), _LARGEST) if len(digits) <= 19 else _LARGEST


def parse_range(header: str, size: int, max_ranges: int = 16) -> list[tuple[int, int]] | None:
    """The ranges a Range header asks of content of this size: first and last byte, clamped, in the order asked.

    None means to ignore the header and send everything: another unit, malformed, more than max_ranges, or several
    ranges that add up to more than the content, or empty content. Raises RangeUnsatisfiable when not one range
    overlaps the content.
    """
    unit, _, listed = header.partition("=")
    if unit.lower() != "bytes":
        return None
    items = [item for item in (piece.strip(" \t") for piece in listed.split(",")) if item]
    if not 0 < len(items) <= max_ranges:
        return None
    ranges: list[tuple[int, int]] = []
    for item in items:
        found = _range(item)
        if found is None or item == "-":
            return None
        span = _resolve(found[1], found[2], size)
        if span is not None:
            ranges.append(span)
    if not ranges:
        if size == 0:  # clients that ask for ranges of everything cannot know that there is nothing
            return None
        raise RangeUnsatisfiable(f"no byte of {header[:100]!r} is in content of {size} bytes")
    if len(ranges) > 1 and sum(last - first + 1 for first, last in ranges) > size:
        return None
    return ranges


def _resolve(first: str, last: str, size: int) -> tuple[int, int] | None:
    """One range in content of this size, None when it does not overlap it; 500-0 overlaps nothing."""
    if not first:
        wanted = _number(last)
        return (max(size - wanted, 0), size - 1) if wanted and size else None
    start = _number(first)
    end = min(_number(last), size - 1) if last else size - 1
    return (start, end) if start <= end else None


def parse_content_range(header: str) -> tuple[int, int]:
    """First and last byte of an upload's chunk, from `0-1023` or `bytes 0-1023/2048`; ValueError when malformed."""
    found = _content_range(header.strip())
    if found is None:
        raise ValueError(f"content range {header[:100]!r} is malformed; it must be like 0-1023")
    first, last = int(found[1]), int(found[2])
    total = found[3]
    if last < first or last > _LARGEST or (total not in {None, "*"} and int(total) <= last):
        raise ValueError(f"content range {header[:100]!r} ends before it begins or beyond its length")
    return first, last
