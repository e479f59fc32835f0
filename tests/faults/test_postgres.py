"""PostgreSQL restarted, cut off and killed under load: a pause or a clear 503, nothing acknowledged lost, and service
back without a restart of the registry."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.fleet import Fleet
from tests.faults.judges import busy_or_503
from tests.faults.scene import until
from tests.faults.tally import FAULTS
from tests.postgres.server import Cluster

pytestmark = pytest.mark.faults

ROUNDS = 12


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster().start()
    try:
        yield made
    finally:
        made.remove()


def trouble(cluster: Cluster, rng: random.Random) -> str:
    """One kind of it, over when this returns."""
    kind = rng.choice(["fast", "immediate", "killed", "sessions cut", "a backend killed"])
    if kind == "sessions cut":
        cluster.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return kind
    if kind == "a backend killed":
        # The server then ends all other sessions too, and recovers from its log, as after a crash.
        (pid,) = rng.choice(cluster.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"))
        os.kill(int(str(pid)), signal.SIGKILL)
        assert until(lambda: answers(cluster), 20)
        return kind
    if kind == "killed":
        cluster.kill()
    else:
        cluster.stop(signal.SIGINT if kind == "fast" else signal.SIGQUIT)
    time.sleep(rng.uniform(0, 0.6))
    cluster.start()
    return kind


def answers(cluster: Cluster) -> bool:
    try:
        return bool(cluster.execute("SELECT 1"))
    except psycopg.OperationalError:
        return False


@pytest.mark.timeout(120)
def test_database_troubled_under_load(
    cluster: Cluster, seed: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    environment = {"ENTREPOT_DATABASE_URL": cluster.empty_database(), "ENTREPOT_ACCESS_ANONYMOUS": "full"}
    rng = random.Random(seed)
    with Fleet(tmp_path, seed, environment, replicas=1, workers=2) as fleet:
        fleet.start()
        for _ in range(ROUNDS // 4):
            with fleet.loaded(busy_or_503, lossy=True):
                for _ in range(4):
                    time.sleep(rng.uniform(0.1, 0.6))
                    fleet.record.count(f"database {trouble(cluster, rng)}")
                time.sleep(0.3)
            fleet.wait_ready(10)
            fleet.look()
        print(dict(sorted(fleet.record.counts.items())))
        record_property(FAULTS, sum(n for name, n in fleet.record.counts.items() if name.startswith("database ")))
        fleet.stop()
