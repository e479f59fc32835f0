"""Tags and blobs have one history over all replicas, whatever replica is asked, and whatever dies meanwhile."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet, settings
from tests.faults.tally import FAULTS
from tests.postgres.pooler import pooler
from tests.postgres.server import shared
from tests.replicas.hammer import Hammer
from tests.s3.servers import S3Server

KILLS = 8


def judged(hammer: Hammer) -> None:
    began = time.monotonic()
    problems = hammer.history.problems()
    operations = sum(map(len, hammer.history.operations.values()))
    print(f"{operations} operations, judged in {time.monotonic() - began:.1f} s: {dict(hammer.counts)}")
    assert not problems, "\n".join([f"seed {hammer.seed}", *problems])
    assert all(hammer.counts[act] > 10 for act in ("move", "read", "swap", "delete", "head_blob", "push")), (
        hammer.counts
    )


def test_two_replicas_are_one(replicas: Fleet, seed: str) -> None:
    hammer = Hammer(replicas.ports, seed)
    hammer.prepare()
    hammer.run(6)
    judged(hammer)
    assert hammer.counts["swaps won"] > 10
    assert hammer.counts["look_at_list"] > 10
    replicas.no_tracebacks()


def test_two_replicas_on_processes_of_the_server_that_a_pooler_shares_out(
    storage: S3Server, tmp_path: Path, seed: str
) -> None:
    """PgBouncer gives each transaction to another process, and there are fewer than connections."""
    with pooler(shared(), "transaction", 3) as between:
        environment = settings(between.through(shared().empty_database()), storage)
        with Fleet(tmp_path, seed, environment) as fleet:
            fleet.start()
            hammer = Hammer(fleet.ports, seed)
            hammer.prepare()
            hammer.run(4)
            judged(hammer)
            fleet.no_tracebacks()
            fleet.stop()


@pytest.mark.faults
def test_replicas_that_die(
    storage: S3Server, tmp_path: Path, seed: str, record_property: Callable[[str, object], None]
) -> None:
    """kill -9; each time one lives on."""
    rng = random.Random(seed)
    with Fleet(tmp_path, seed, settings(shared().empty_database(), storage), replicas=2, workers=2) as fleet:
        fleet.start()
        hammer = Hammer(fleet.ports, seed, trouble=True)
        hammer.prepare()

        def kills() -> None:
            for _ in range(KILLS):
                time.sleep(rng.uniform(0.1, 0.4))
                fleet.kill_and_restart(rng.choice(fleet.servers))

        hammer.run(0.5, meanwhile=kills)
        judged(hammer)
        record_property(FAULTS, KILLS)
        assert hammer.counts["answers lost"] > 10
        fleet.stop()
