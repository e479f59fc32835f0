"""The power fails under a loaded server: after the reboot all that was acknowledged is on the disk."""

import random
import time
from pathlib import Path

import pytest

from tests.faults.content import MIB, blob
from tests.faults.disk import small_disk
from tests.faults.judges import any_503
from tests.faults.oracle import damaged_files
from tests.faults.scene import Scene

pytestmark = pytest.mark.faults

CUTS = 12


@pytest.mark.timeout(120)
def test_power_cuts(seed: str, tmp_path: Path) -> None:
    """The disk stops in the middle of everything, and keeps only what was synced to it by then."""
    rng, late = random.Random(seed), 0
    with small_disk(tmp_path) as disk, Scene(tmp_path, seed, root=disk.path / "root") as scene:
        for _ in range(CUTS):
            scene.start()
            scene.look()
            # Between the cut and the kill the server meets a dead disk, and says so.
            load = scene.begin_load(any_503, clients=4)
            time.sleep(rng.uniform(0.05, 0.6))
            cut = scene.record.now()
            disk.cut_power()
            time.sleep(rng.uniform(0.0, 0.1))
            load.killing.set()
            scene.kill()
            load.join()
            # A sync under way at the cut may still be told that it was done; a machine without power answers nobody.
            late += scene.record.void_since(cut)
            scene.record.died()
            # After a real cut the boot id is another, and older sessions are not believed; here it stays the same.
            scene.record.uploads.clear()
            scene.no_complaints()
            disk.unmount()
            disk.mount()
        scene.start()
        scene.look()
        assert scene.server.stop() == 0
        assert damaged_files(disk.path) == []
        print(f"{CUTS} cuts, {late} answers after them: {dict(sorted(scene.record.counts.items()))}")


def test_session_whose_bytes_are_gone(seed: str, tmp_path: Path) -> None:
    """A power cut may keep a session's row and lose its bytes: it is gone then, or truly begins anew."""
    with Scene(tmp_path, seed) as scene:
        scene.start()
        with scene.client() as client:
            for place in range(3):
                upload = client.open_upload("a/app", blob(f"lost {place}", MIB))
                assert upload is not None
                assert client.patch(upload, 600_000)
        # Rows of sessions are written a moment later.
        time.sleep(1.0)
        scene.kill()
        for path in scene.root.rglob("_uploads/*/data"):
            path.unlink()
        scene.start()
        scene.look()
        assert sum(count for name, count in scene.record.counts.items() if name.startswith("upload open")) == 3
