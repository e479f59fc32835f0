"""A start while the blobs' disk takes nothing new: pulls are served, pushes refused in words, and taken again later."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.content import KIB, MIB, blob, image
from tests.faults.disk import Disk
from tests.faults.judges import any_503, says_full, says_read_only
from tests.faults.scene import Scene

pytestmark = pytest.mark.faults

REPOSITORY = "team/app"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with Disk(tmp_path, 32 * MIB) as mounted:
        yield mounted


def _use_up_inodes(disk: Disk) -> None:
    folder = disk.path / "empty"
    folder.mkdir()
    number = 0
    while True:
        try:
            (folder / str(number)).touch()
        except OSError:
            return
        number += 1


def _give_back_inodes(disk: Disk) -> None:
    for file in (disk.path / "empty").iterdir():
        file.unlink()


TROUBLE: dict[str, tuple[Callable[[Disk], None], Callable[[Disk], None]]] = {
    "read-only": (lambda disk: disk.remount("ro"), lambda disk: disk.remount("rw")),
    "full": (lambda disk: disk.fill(), lambda disk: disk.release()),
    "without inodes": (_use_up_inodes, _give_back_inodes),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_start(trouble: str, disk: Disk, tmp_path: Path, seed: str) -> None:
    make, mend = TROUBLE[trouble]
    judge = {"read-only": says_read_only, "full": says_full}.get(trouble, any_503)
    environment = {"ENTREPOT_STORAGE_PATH": str(disk.path / "storage")}
    with Scene(tmp_path, seed, environment=environment) as scene:
        scene.start()
        config = blob("config", 500)
        with scene.client() as client:
            for content in (config, blob("small", 3 * KIB), blob("large", 300 * KIB)):
                assert client.single_post(REPOSITORY, content)
            assert client.put_manifest(REPOSITORY, image(config, [], mark="kept"), ("kept",))
        assert scene.server.stop() == 0
        make(disk)
        scene.server.start()
        scene.server.wait_ready(path="/healthz")
        scene.look(uploads=False)
        with scene.client(judge) as client:
            for size in (3 * KIB, 300 * KIB):
                assert not client.single_post(REPOSITORY, blob("refused", size))
        assert scene.ask("/readyz").status == 503
        mend(disk)
        with scene.client() as client:
            assert client.single_post(REPOSITORY, blob("taken", 300 * KIB))
        assert scene.ask("/readyz").status == 200
        scene.settle()
