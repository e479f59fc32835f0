"""Every metric the server has: name, kind, labels, meaning. docs/metrics.md lists the same, tested."""

from typing import NamedTuple


class Family(NamedTuple):
    """One metric: `kind` is counter, gauge or histogram; counters are exposed with `_total` at the end."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str

    @property
    def exposed(self) -> str:
        """The name as it stands at /metrics (a histogram adds `_bucket`, `_sum` and `_count` to it)."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


REQUESTS = Family("entrepot_requests", "counter", ("route", "method", "status"), "Requests answered.")
REQUEST_SECONDS = Family(
    "entrepot_request_seconds",
    "histogram",
    ("route", "method"),
    "Time from the head of a request to the end of its answer.",
)
RECEIVED = Family("entrepot_received_bytes", "counter", ("route",), "Bytes of request bodies received.")
SENT = Family("entrepot_sent_bytes", "counter", ("route",), "Bytes of response bodies sent.")
STORAGE_SECONDS = Family("entrepot_storage_seconds", "histogram", ("operation",), "Time of storage operations.")
STORAGE_FAILURES = Family("entrepot_storage_failures", "counter", ("operation",), "Storage operations that failed.")
DATABASE_SECONDS = Family("entrepot_database_seconds", "histogram", ("kind",), "Time of database work by kind.")
UPLOADS = Family("entrepot_uploads_in_progress", "gauge", (), "Upload bodies being received now.")
DAMAGED = Family("entrepot_damaged_blobs", "counter", (), "Blobs found damaged and quarantined.")
LAG_EVENTS = Family(
    "entrepot_follower_lag_events", "gauge", ("follower",), "Events that the follower has not dealt with, at most."
)
LAG_SECONDS = Family(
    "entrepot_follower_lag_seconds",
    "gauge",
    ("follower",),
    "Age of the first event that the follower has not dealt with.",
)
DROPPED = Family(
    "entrepot_log_lines_dropped",
    "counter",
    ("log",),
    "Lines of a log (access, server) that were dropped because they could not be written.",
)
OUT_OF_DESCRIPTORS = Family(
    "entrepot_out_of_descriptors_seconds",
    "counter",
    (),
    "Seconds in which a worker had no free file descriptor, so that new connections were closed.",
)
CPU = Family("entrepot_cpu_seconds", "counter", (), "CPU time used by the worker processes.")
MEMORY = Family("entrepot_memory_bytes", "gauge", (), "Resident memory of the worker processes.")
WORKERS = Family("entrepot_workers", "gauge", (), "Worker processes alive.")
INFO = Family("entrepot_info", "gauge", ("version",), "Always 1; the version is in its label.")

FAMILIES = (
    REQUESTS,
    REQUEST_SECONDS,
    RECEIVED,
    SENT,
    STORAGE_SECONDS,
    STORAGE_FAILURES,
    DATABASE_SECONDS,
    UPLOADS,
    DAMAGED,
    LAG_EVENTS,
    LAG_SECONDS,
    DROPPED,
    OUT_OF_DESCRIPTORS,
    CPU,
    MEMORY,
    WORKERS,
    INFO,
)

SECONDS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
