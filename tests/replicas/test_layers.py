"""Replicas that are killed while layers of several parts are on their way, each in pieces over all of them."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet, settings
from tests.faults.judges import busy_or_503
from tests.faults.tally import FAULTS
from tests.postgres.server import shared
from tests.replicas.layers import MAY_GO, LayerPusher
from tests.s3.servers import S3Server

KILLS = 8


@pytest.mark.faults
@pytest.mark.timeout(180)
def test_replicas_die_under_multipart_pushes(
    storage: S3Server, tmp_path: Path, seed: str, record_property: Callable[[str, object], None]
) -> None:
    """What was acknowledged is whole on every replica; every session says the truth of itself and can be closed."""
    rng = random.Random(seed)
    with Fleet(tmp_path, seed, settings(shared().empty_database(), storage), replicas=2, workers=2) as fleet:
        fleet.start()
        with fleet.loaded(busy_or_503, 3, outlives=True, pusher=LayerPusher):
            for _ in range(KILLS):
                time.sleep(rng.uniform(0.3, 1.0))
                fleet.kill_and_restart(rng.choice(fleet.servers), rng.uniform(0, 0.2))
            time.sleep(1.0)
        left = [upload for upload in fleet.record.uploads if upload.state == "open" and upload.offset > MAY_GO]
        fleet.look()
        assert not [upload for upload in left if upload.state == "gone"]
        record_property(FAULTS, KILLS)
        counts = fleet.record.counts
        print(fleet.report([]).splitlines()[0])
        assert counts["answers lost"] > KILLS / 2, counts
        assert counts["upload open resumed"] + counts["upload closing resumed"] + counts["resumed"] > 5, counts
        for act in ("push_chunks", "push_streamed", "push_at_once"):
            assert counts[f"{act} done"] > 0, counts
        fleet.stop()
