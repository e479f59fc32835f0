"""What is counted comes out, summed over workers, and counting costs next to nothing."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from registry.telemetry.families import FAMILIES
from registry.telemetry.metrics import Metrics
from registry.telemetry.tally import empty

COUNT_IN_ANOTHER_PROCESS = """
import sys
from registry.telemetry.metrics import Metrics

metrics = Metrics(sys.argv[1])
metrics.request("manifest", "GET", 200, 0.002, 1, 10)
metrics.uploads(1)
metrics.damaged()
metrics.flush(now=True)
print("counted", flush=True)
sys.stdin.read()
"""


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The exposition by name and labels."""
    found = {}
    for family in text_string_to_metric_families(metrics.render()[0].decode()):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_requests_come_out() -> None:
    metrics = Metrics(version="9.9")
    metrics.request("manifest", "GET", 200, 0.0004, 0, 500)
    metrics.request("manifest", "GET", 404, 0.3, 0, 50)
    metrics.request("blob", "GET", 200, 100.0, 0, 7)
    found = samples(metrics)
    labels = (("method", "GET"), ("route", "manifest"))
    assert found["entrepot_requests_total", (*labels, ("status", "200"))] == 1
    assert found["entrepot_requests_total", (*labels, ("status", "404"))] == 1
    assert found["entrepot_request_seconds_count", labels] == 2
    assert found["entrepot_request_seconds_sum", labels] == 0.3004
    assert found["entrepot_request_seconds_bucket", (("le", "0.0005"), *labels)] == 1
    assert found["entrepot_request_seconds_bucket", (("le", "0.5"), *labels)] == 2
    blob = (("method", "GET"), ("route", "blob"))
    assert found["entrepot_request_seconds_bucket", (("le", "60.0"), *blob)] == 0
    assert found["entrepot_request_seconds_bucket", (("le", "+Inf"), *blob)] == 1
    assert found["entrepot_sent_bytes_total", (("route", "manifest"),)] == 550
    assert found["entrepot_info", (("version", "9.9"),)] == 1


def test_storage_database_and_uploads_come_out() -> None:
    metrics = Metrics()
    metrics.storage("put", 0.1, True)
    metrics.storage("put", 0.1, False)
    metrics.database("read", 0.001)
    metrics.uploads(1)
    metrics.uploads(1)
    metrics.uploads(-1)
    metrics.damaged()
    found = samples(metrics)
    assert found["entrepot_storage_seconds_count", (("operation", "put"),)] == 2
    assert found["entrepot_storage_failures_total", (("operation", "put"),)] == 1
    assert found["entrepot_database_seconds_count", (("kind", "read"),)] == 1
    assert found["entrepot_uploads_in_progress", ()] == 1
    assert found["entrepot_damaged_blobs_total", ()] == 1
    assert found["entrepot_cpu_seconds_total", ()] > 0
    assert found["entrepot_memory_bytes", ()] > 1_000_000


def test_every_family_is_exposed_before_anything_happened() -> None:
    text, content_type = Metrics().render()
    assert content_type.startswith("text/plain")
    for family in FAMILIES:
        assert f"# TYPE {family.exposed} {family.kind}\n" in text.decode()


def test_made_up_methods_do_not_make_series() -> None:
    metrics = Metrics()
    for number in range(100):
        metrics.request("other", f"METHOD{number}", 405, 0.001, 0, 0)
    requests = {key: value for key, value in samples(metrics).items() if key[0] == "entrepot_requests_total"}
    assert list(requests.values()) == [100]


def test_workers_are_summed_and_the_dead_keep_their_counts(tmp_path: Path) -> None:
    folder = str(tmp_path / "metrics")
    empty(folder)
    metrics = Metrics(folder)
    metrics.request("manifest", "GET", 200, 0.002, 2, 20)
    worker = subprocess.Popen(
        [sys.executable, "-c", COUNT_IN_ANOTHER_PROCESS, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"counted\n"
        alive = samples(metrics)
        worker.communicate()
    dead = samples(metrics)
    labels = (("method", "GET"), ("route", "manifest"), ("status", "200"))
    for found in (alive, dead):
        assert found["entrepot_requests_total", labels] == 2
        assert found["entrepot_received_bytes_total", (("route", "manifest"),)] == 3
        assert found["entrepot_damaged_blobs_total", ()] == 1
    assert (alive["entrepot_workers", ()], dead["entrepot_workers", ()]) == (2, 1)
    assert (alive["entrepot_uploads_in_progress", ()], dead["entrepot_uploads_in_progress", ()]) == (1, 0)
    empty(folder)
    assert os.listdir(folder) == []


def test_flush_waits_its_turn(tmp_path: Path) -> None:
    metrics = Metrics(str(tmp_path), every=3600)
    metrics.flush(now=True)
    [path] = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    metrics.flush()
    assert path.stat().st_mtime_ns == before
    Metrics().flush(now=True)


def test_threads_lose_nothing() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(20_000):
            metrics.storage("stat", 0.001, False)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = samples(metrics)
    assert found["entrepot_storage_seconds_count", (("operation", "stat"),)] == 80_000
    assert found["entrepot_storage_failures_total", (("operation", "stat"),)] == 80_000


def test_a_folder_that_is_removed_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    empty(str(folder))
    metrics = Metrics(str(folder), every=0)
    metrics.request("manifest", "GET", 200, 0.002, 2, 20)
    assert metrics.flush()
    shutil.rmtree(folder)
    assert b"entrepot_workers 1.0" in metrics.render()[0]
    metrics.request("manifest", "GET", 200, 0.002, 2, 20)
    assert metrics.flush()
    assert [path.name for path in folder.iterdir()] == [f"{os.getpid()}.tally"]


def test_a_folder_that_cannot_be_written_to_costs_no_request(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    metrics = Metrics(str(tmp_path / "file" / "metrics"), every=0)
    metrics.request("manifest", "GET", 200, 0.002, 2, 20)
    assert not metrics.flush()
    assert b"entrepot_workers 1.0" in metrics.render()[0]


def test_a_tally_that_is_damaged_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "1.tally").write_bytes(b"\xff no tally")
    assert b"entrepot_workers 1.0" in Metrics(str(tmp_path)).render()[0]


def test_a_tally_is_not_for_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Metrics(str(tmp_path)).flush(now=True)
    finally:
        os.umask(before)
    [path] = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o640


def test_nothing_is_written_while_nothing_is_counted(tmp_path: Path) -> None:
    metrics = Metrics(str(tmp_path), every=0)
    woken = []
    metrics.wake = lambda: woken.append(1)
    metrics.storage("stat", 0.1, True)  # of background work
    assert metrics.flush()
    assert list(tmp_path.iterdir()) == []
    metrics.request("manifest", "GET", 200, 0.002, 2, 20)
    metrics.request("manifest", "GET", 200, 0.002, 2, 20)
    assert woken == [1]
    assert metrics.flush()
    assert len(list(tmp_path.iterdir())) == 1
