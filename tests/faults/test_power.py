"""The power fails under a loaded server: after the reboot all that was acknowledged is on the disk."""

import random
import time
import uuid
from pathlib import Path

import pytest

from tests.faults.content import KIB, MIB, blob
from tests.faults.disk import small_disk
from tests.faults.judges import any_503
from tests.faults.oracle import damaged_files
from tests.faults.scene import Scene

pytestmark = pytest.mark.faults

CUTS = 12


class Boot:
    """The boot id that the server sees: a new one each time the power comes back, as it would be."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "boot_id"
        self.again()
        script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
        self.prefix = ("unshare", "--mount", "sh", "-c", script, str(self._file))

    def again(self) -> None:
        self._file.write_text(f"{uuid.uuid4()}\n")


@pytest.mark.timeout(120)
def test_power_cuts(seed: str, tmp_path: Path) -> None:
    """The disk stops in the middle of everything, and keeps only what was synced to it by then."""
    rng, late, boot = random.Random(seed), 0, Boot(tmp_path)
    with (
        small_disk(tmp_path) as disk,
        Scene(tmp_path, seed, root=disk.path / "root", prefix=boot.prefix) as scene,
    ):
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
            scene.no_complaints()
            disk.unmount()
            disk.mount()
            boot.again()
        scene.start()
        scene.look()
        print(f"{CUTS} cuts, {late} answers after them: {dict(sorted(scene.record.counts.items()))}")
        assert scene.server.stop() == 0
        # Manifests are served from the database. Their copies among the blobs are synced later, and made again after
        # a cut by a job whose lease, the dead server's, has to lapse first.
        assert damaged_files(disk.path, but=scene.record.manifests) == []


def test_offset_is_true_after_a_power_cut(seed: str, tmp_path: Path) -> None:
    """What reached the disk in another order than it was sent is not counted as received."""
    boot = Boot(tmp_path)
    with (
        small_disk(tmp_path) as disk,
        Scene(tmp_path, seed, root=disk.path / "root", prefix=boot.prefix) as scene,
    ):
        scene.start()
        with scene.client() as client:
            for place, ends in enumerate([(100 * KIB, MIB + 100 * KIB), (5000, MIB), (MIB, MIB + 5000), (2 * MIB,)]):
                upload = client.open_upload("a/app", blob(f"cut {place}", 3 * MIB))
                assert upload is not None
                assert all(client.patch(upload, end) for end in ends)
            # Rows of sessions are written a moment later, and this push syncs what came before it in the journal.
            time.sleep(1.0)
            assert client.single_post("a/app", blob("after", 1000))
        disk.cut_power()
        scene.kill()
        disk.unmount()
        disk.mount()
        boot.again()
        scene.start()
        scene.settle()


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
