"""kill -9 at random moments, a hundred times a run: what was acknowledged is there, and nothing is half there."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.load import Load
from tests.faults.oracle import Oracle, damaged_files
from tests.faults.record import Record
from tests.faults.server import Server
from tests.faults.wire import Wire

pytestmark = pytest.mark.faults

# One round in so many is a kill of a server that has not said it is ready.
START_UP_KILLS = 6
# The clients of one stretch of rounds share their repositories; then they begin new ones.
ROUNDS_PER_EPOCH = 8


@dataclass
class Run:
    """A server, its record, and the kills it has seen."""

    server: Server
    root: Path
    seed: str
    workers: int
    rng: random.Random
    record: Record = field(default_factory=Record)
    kills: int = 0
    ready_in: float = 0.5

    def round(self, number: int) -> None:
        """Start, look, load, kill."""
        self.server.start()
        if self.rng.randrange(START_UP_KILLS) == 0:
            time.sleep(self.rng.uniform(0, 1.1) * self.ready_in)
            self._kill()
            return
        began = time.monotonic()
        self.server.wait_ready()
        self.ready_in = 0.7 * self.ready_in + 0.3 * (time.monotonic() - began)
        self.look()
        load = Load([self.server.port], self.record, f"{self.seed} {number}", epoch=number // ROUNDS_PER_EPOCH)
        load.start()
        time.sleep(self.rng.uniform(0.02, 0.5))
        load.killing.set()
        if self.workers > 1 and self.rng.random() < 0.25:
            self.server.kill_worker(self.rng)
            time.sleep(self.rng.uniform(0.0, 0.2))
        self._kill()
        load.join()
        self.record.died()
        assert not self.record.complaints, self.report(self.record.complaints)

    def look(self, *, everything: bool = False) -> None:
        """Compare the running server with the record."""
        left = [upload for upload in self.record.uploads if upload.state != "gone"]
        chosen = [upload for upload in left if everything or upload.state == "closing" or self.rng.random() < 0.4]
        with Wire(self.server.port) as wire:
            oracle = Oracle(self.record, wire)
            problems = oracle.check_touched(40, self.rng)
            problems += oracle.check_uploads(chosen)
            problems += oracle.check_all() if everything else []
        assert not problems, self.report(problems)

    def report(self, problems: list[str]) -> str:
        lines = [f"{len(problems)} problems after {self.kills} kills, seed {self.seed}:", *problems[:20]]
        return "\n".join([*lines, "the end of the server's log:", self.server.tail(2000)])

    def _kill(self) -> None:
        """The whole group, as a rule; at times its first process only, which the others must not outlive."""
        if self.rng.random() < 0.2:
            self.server.kill_first()
        else:
            self.server.kill()
        self.kills += 1


@pytest.mark.timeout(200)
@pytest.mark.parametrize(("workers", "kills"), [(1, 70), (3, 40)])
def test_nothing_acknowledged_is_lost(workers: int, kills: int, seed: str, tmp_path: Path) -> None:
    root, began = tmp_path / "root", time.monotonic()
    with Server(root, tmp_path / "server.log", workers=workers) as server:
        run = Run(server, root, seed, workers, random.Random(f"{seed} {workers}"))
        for number in range(kills):
            run.round(number)
        server.start()
        server.wait_ready()
        run.look(everything=True)
        assert server.stop() == 0
        counts = dict(sorted(run.record.counts.items()))
        print(f"{run.kills} kills, {workers} workers, {time.monotonic() - began:.0f} s: {counts}")
        assert damaged_files(root) == []
        assert not server.tracebacks(), server.tracebacks()
    _assert_exercised(run)


def _assert_exercised(run: Run) -> None:
    """A run in which nothing was under way when the server died would prove nothing."""
    counts = run.record.counts
    assert counts["answers lost"] > run.kills
    for shape in ("single_post", "post_put", "chunks", "streamed"):
        assert counts[f"{shape} sha256 done"] > 10, counts
    for act in ("manifest by tag", "manifest by digest", "manifest by digest and tags", "mount"):
        assert counts[f"{act} done"] > 5, counts
    for act in ("delete_tag", "delete_manifest", "delete_blob", "push_index", "push_artifact", "tag_again", "tag_if"):
        assert counts[f"{act} done"] > 2, counts
    assert counts["upload open resumed"] > 0, counts
