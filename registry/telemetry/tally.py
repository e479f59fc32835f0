"""What one process has counted: plain numbers, added to in well under a microsecond, and written down as a whole.

Several workers cannot add to one number, and prometheus-client's shared files cost a request more than answering it. So
each worker counts for itself and now and then publishes its whole tally as a file; who renders adds the files up. A
worker that died keeps its counts in its file, as a counter must not go back; its gauges go with it.
"""

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from registry.telemetry.families import SECONDS_BUCKETS

Labels = tuple[str, ...]
_SLOTS = len(SECONDS_BUCKETS) + 1


class Timing:
    """A histogram of seconds; `counts` has one place per bucket and one for what is beyond."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * _SLOTS
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(SECONDS_BUCKETS, seconds)] += 1
        self.seconds += seconds


class Series(msgspec.Struct, array_like=True):
    """One line of a tally: counters and gauges fill `value`, histograms `counts` as well."""

    family: str
    labels: Labels
    value: float
    counts: list[int] = []


class Tally(msgspec.Struct, array_like=True):
    """Everything one process has counted."""

    pid: int
    series: list[Series]


def publish(folder: str, tally: Tally) -> None:
    """Make `tally` the one of its process in `folder`, which is made again if it was removed. Raises OSError."""
    path = os.path.join(folder, f"{tally.pid}.tally")
    data = msgspec.msgpack.encode(tally)
    try:
        _write(f"{path}.new", data)
    except FileNotFoundError:
        os.makedirs(folder, mode=0o750, exist_ok=True)
        _write(f"{path}.new", data)
    os.replace(f"{path}.new", path)


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o640)
        file.write(data)


def published(folder: str, besides: int) -> Iterator[Tally]:
    """Return the tallies in `folder` of all processes but `besides`; those that cannot be read are left out."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith(".tally") and name != f"{besides}.tally":
            with suppress(OSError, msgspec.DecodeError), open(os.path.join(folder, name), "rb") as file:
                yield msgspec.msgpack.decode(file.read(), type=Tally)


def empty(folder: str) -> None:
    """Make sure `folder` exists and holds no tallies of an earlier run."""
    os.makedirs(folder, mode=0o750, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith((".tally", ".tally.new")):
            os.unlink(os.path.join(folder, name))


def is_alive(pid: int) -> bool:
    """Whether there is a process `pid`."""
    return os.path.exists(f"/proc/{pid}")


def added(tallies: Iterable[Tally], gauges: frozenset[str]) -> dict[str, dict[Labels, Series]]:
    """Return the sums by family and labels; the gauges of dead processes are left out."""
    sums: dict[str, dict[Labels, Series]] = {}
    for tally in tallies:
        alive = is_alive(tally.pid)
        for series in tally.series:
            if series.family in gauges and not alive:
                continue
            family = sums.setdefault(series.family, {})
            labels = tuple(series.labels)
            total = family.get(labels)
            if total is None:
                family[labels] = Series(series.family, labels, series.value, list(series.counts))
            else:
                total.value += series.value
                total.counts = [one + other for one, other in zip(total.counts, series.counts, strict=True)]
    return sums
