"""The numbers the server keeps about itself, and their exposition for Prometheus.

`Metrics()` is for a single process. With several workers each makes `Metrics(folder)` with the same folder, emptied by
the parent before they start, and calls `flush` a moment after `wake`; any worker renders the sum of all.
"""

import logging
import os
import resource
import threading
from collections.abc import Callable, Iterable, Iterator
from time import monotonic

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from registry.telemetry import families
from registry.telemetry.families import FAMILIES, SECONDS_BUCKETS, Family
from registry.telemetry.tally import Labels, Series, Tally, Timing, added, publish, published

log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})
_GAUGES = frozenset(family.name for family in FAMILIES if family.kind == "gauge")
_BOUNDS = [*(str(bound) for bound in SECONDS_BUCKETS), "+Inf"]
_PAGE = resource.getpagesize()


class _Request:
    """The counts of one route, method and status, found by one look-up."""

    __slots__ = ("received", "requests", "sent", "timing")

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.requests = 0
        self.received = 0
        self.sent = 0


class Metrics:
    """Counts what happens; every method is safe to call from any thread."""

    def __init__(self, folder: str = "", *, version: str = "", every: float = 1.0) -> None:
        self._folder = folder
        self._version = version
        self._every = every
        self._published = 0.0
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, int], _Request] = {}
        self._request_timings: dict[Labels, Timing] = {}
        self._storage: dict[str, Timing] = {}
        self._storage_failures: dict[str, int] = {}
        self._database: dict[str, Timing] = {}
        self._uploads = 0
        self._damaged = 0
        self.lags: Callable[[], Iterable[tuple[str, int, float]]] = tuple
        """Asked when the numbers are rendered: of each follower of events its name, and how far it is behind, in events
        and in seconds. What all workers share is asked of the index, not summed."""
        self._out_of_descriptors = 0
        self._dropped: dict[str, Callable[[], int]] = {}
        self._pending = False
        self._said = ""
        self.wake: Callable[[], None] = _sleep_on
        """Is called with the first thing counted after a `flush`, on the event loop."""

    def request(self, route: str, method: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Count an answered request; `route` is one of a few classes, never a path."""
        with self._lock:
            counts = self._requests.get((route, method, status))
            if counts is None:
                counts = self._request_counts(route, method, status)
            counts.requests += 1
            counts.received += received
            counts.sent += sent
            counts.timing.add(seconds)
        self._changed()

    def storage(self, operation: str, seconds: float, ok: bool) -> None:
        """Count a storage operation."""
        with self._lock:
            timing = self._storage.get(operation)
            if timing is None:
                timing = self._storage[operation] = Timing()
            timing.add(seconds)
            if not ok:
                self._storage_failures[operation] = self._storage_failures.get(operation, 0) + 1

    def database(self, kind: str, seconds: float) -> None:
        """Count database work."""
        with self._lock:
            timing = self._database.get(kind)
            if timing is None:
                timing = self._database[kind] = Timing()
            timing.add(seconds)

    def uploads(self, change: int) -> None:
        """So many more uploads are being received, or fewer."""
        with self._lock:
            self._uploads += change
        self._changed()

    def damaged(self) -> None:
        """Count a blob found damaged."""
        with self._lock:
            self._damaged += 1
        self._changed()

    def out_of_descriptors(self) -> None:
        """Count a second in which no file descriptor was free."""
        with self._lock:
            self._out_of_descriptors += 1
        self._changed()

    def watch_dropped(self, log: str, dropped: Callable[[], int]) -> None:
        """Ask `dropped` how many lines of a log are lost, whenever that is to be said."""
        self._dropped[log] = dropped

    def flush(self, *, now: bool = False) -> bool:
        """Publish what was counted for the other workers, unless that was done a moment ago; whether all is published.

        A failure costs no request: the next flush tries again.
        """
        if not self._folder or not (self._pending or now):
            return True
        if not now and monotonic() - self._published < self._every:
            return False
        self._published = monotonic()
        self._pending = False
        try:
            publish(self._folder, self._tally())
        except OSError as error:
            self._pending = True
            self._say(f"metrics of this worker cannot be written to {self._folder}: {error.strerror}")
            return False
        self._said = ""
        return True

    def _changed(self) -> None:
        if self._folder and not self._pending:
            self._pending = True
            self.wake()

    def _say(self, trouble: str) -> None:
        if trouble != self._said:
            log.warning("%s", trouble)
        self._said = trouble

    def render(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        tallies = [self._tally()]
        if self._folder:
            tallies += published(self._folder, os.getpid())
        tallies.append(Tally(os.getpid(), list(self._lag_series())))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Sums(tallies, self._version))
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def _lag_series(self) -> Iterator[Series]:
        for name, count, seconds in self.lags():
            yield Series(families.LAG_EVENTS.name, (name,), count)
            yield Series(families.LAG_SECONDS.name, (name,), seconds)

    def _request_counts(self, route: str, method: str, status: int) -> _Request:
        known = method if method in _METHODS else "other"
        counts = self._requests.get((route, known, status))
        if counts is None:
            timing = self._request_timings.setdefault((route, known), Timing())
            counts = self._requests[route, known, status] = _Request(timing)
        return counts

    def _tally(self) -> Tally:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        with self._lock:
            series = [
                *self._request_series(),
                *_timings(families.STORAGE_SECONDS, {(name,): timing for name, timing in self._storage.items()}),
                *_timings(families.DATABASE_SECONDS, {(name,): timing for name, timing in self._database.items()}),
                *(Series(families.STORAGE_FAILURES.name, (op,), n) for op, n in self._storage_failures.items()),
                Series(families.UPLOADS.name, (), self._uploads),
                Series(families.DAMAGED.name, (), self._damaged),
                Series(families.OUT_OF_DESCRIPTORS.name, (), self._out_of_descriptors),
                *(Series(families.DROPPED.name, (name,), count()) for name, count in self._dropped.items()),
            ]
        series += [
            Series(families.CPU.name, (), usage.ru_utime + usage.ru_stime),
            Series(families.MEMORY.name, (), _resident_memory()),
            Series(families.WORKERS.name, (), 1),
        ]
        return Tally(os.getpid(), series)

    def _request_series(self) -> Iterator[Series]:
        received: dict[Labels, int] = {}
        sent: dict[Labels, int] = {}
        for (route, method, status), counts in self._requests.items():
            yield Series(families.REQUESTS.name, (route, method, str(status)), counts.requests)
            received[route,] = received.get((route,), 0) + counts.received
            sent[route,] = sent.get((route,), 0) + counts.sent
        yield from _timings(families.REQUEST_SECONDS, self._request_timings)
        for family, values in ((families.RECEIVED, received), (families.SENT, sent)):
            for labels, value in values.items():
                yield Series(family.name, labels, value)


def _sleep_on() -> None:
    """The caller flushes when it likes."""


def _timings(family: Family, timings: dict[Labels, Timing]) -> Iterator[Series]:
    for labels, timing in timings.items():
        yield Series(family.name, labels, timing.seconds, list(timing.counts))


def _resident_memory() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE


class _Sums(Collector):
    """The sums of some tallies, in the words of prometheus-client."""

    def __init__(self, tallies: Iterable[Tally], version: str) -> None:
        self._sums = added(tallies, _GAUGES)
        self._sums[families.INFO.name] = {(version,): Series(families.INFO.name, (version,), 1)}

    def collect(self) -> Iterator[Metric]:
        """Every family in the order of its declaration, also those nothing was counted for yet."""
        for family in FAMILIES:
            yield _exposition(family, self._sums.get(family.name, {}))


def _exposition(family: Family, series: dict[Labels, Series]) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, total in sorted(series.items()):
            histogram.add_metric(labels, list(_cumulative(total.counts)), total.value)
        return histogram
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric: CounterMetricFamily | GaugeMetricFamily = made(family.name, family.help, labels=family.labels)
    for labels, total in sorted(series.items()):
        metric.add_metric(labels, total.value)
    return metric


def _cumulative(counts: list[int]) -> Iterator[tuple[str, float]]:
    so_far = 0
    for bound, count in zip(_BOUNDS, counts, strict=True):
        so_far += count
        yield bound, so_far
