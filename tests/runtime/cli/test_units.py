"""Sizes and times as docker shows them."""

from datetime import UTC, datetime

import pytest

from runtime.cli.units import ago, duration, size, stamp


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0B"), (999, "999B"), (1000, "1kB"), (3_623_456, "3.623MB"), (10**12, "1TB"), (12_345, "12.35kB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown
    assert size(77_812_345, 3) == "77.8MB"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (125, "2 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (47 * 3600, "47 hours"),
        (3 * 86400, "3 days"),
        (20 * 86400, "2 weeks"),
        (100 * 86400, "3 months"),
        (900 * 86400, "2 years"),
    ],
)
def test_durations(seconds: int, shown: str) -> None:
    assert duration(seconds) == shown


def test_times() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert ago("2026-01-01T10:00:00.123456789Z", now) == "2 hours ago"
    assert ago("2026-01-01T12:00:00+02:00", now) == "2 hours ago"
    assert ago("", now) == ago("0001-01-01T00:00:00Z", now) == "N/A"
    assert stamp("2026-01-01T12:00:00+02:00") == "2026-01-01 10:00:00 +0000 UTC"
