"""A full disk and a read-only disk: a clear 503, nothing acknowledged lost, and no restart needed afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.content import KIB, MIB, blob, image
from tests.faults.disk import Disk, small_disk
from tests.faults.judges import says_full, says_read_only
from tests.faults.record import BLOB
from tests.faults.scene import Scene
from tests.faults.wire import Wire

pytestmark = pytest.mark.faults

STORAGE, DATABASE = "storage", "database"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path) as mounted:
        yield mounted


@pytest.fixture(params=["everything", STORAGE, DATABASE])
def scene(request: pytest.FixtureRequest, disk: Disk, tmp_path: Path, seed: str) -> Iterator[Scene]:
    """A running server with all its files on the small disk, or only the blobs, or only the database."""
    environment = {
        STORAGE: {"ENTREPOT_STORAGE_PATH": str(disk.path / "storage")},
        DATABASE: {"ENTREPOT_DATABASE_URL": f"sqlite:///{disk.path}/entrepot.db"},
    }
    root = disk.path / "root" if request.param == "everything" else tmp_path / "root"
    with Scene(tmp_path, seed, root=root, environment=environment.get(request.param)) as made:
        made.start()
        yield made


def test_full_disk(scene: Scene, disk: Disk) -> None:
    scene.load(0.4)
    disk.fill(leave=2 * MIB)
    scene.load(0.6, says_full)
    disk.fill()
    scene.load(0.4, says_full)
    assert scene.record.counts["answers 503"] > 10, scene.record.counts
    scene.look(uploads=False)
    assert scene.ask("/healthz").status == 200
    disk.release()
    scene.load(0.4)
    assert scene.ask("/readyz").status == 200
    scene.settle()


def test_readiness_follows_the_disk(scene: Scene, disk: Disk) -> None:
    """A server that cannot take a push says so to whoever balances load, and says when it can again."""
    disk.fill()
    # SQLite's log may have room left in the space that it holds; use it up.
    scene.load(0.4, says_full)
    assert scene.record.counts["answers 503"] > 3, scene.record.counts
    assert scene.ask("/readyz").status == 503
    disk.release()
    assert scene.ask("/readyz").status == 200


def test_upload_that_fills_the_disk(tmp_path: Path, disk: Disk, seed: str) -> None:
    """What the session says it holds after the failure is true: it goes on from there when space returns."""
    content = blob("larger than the space left", 8 * MIB)
    with Scene(tmp_path, seed, root=disk.path / "root") as scene:
        scene.start()
        disk.fill(leave=3 * MIB)
        with scene.client(says_full) as client:
            upload = client.open_upload("team/app", content)
            assert upload is not None
            assert client.patch(upload, MIB)
            assert not client.patch(upload, content.size)
            for shape in (client.post_put, client.single_post, client.streamed):
                assert not shape("team/app", content)
            assert client.ask("HEAD", f"/v2/team/app/blobs/{content.digest}", expected=(404,)).status == 404
            disk.release()
            assert client.resume(upload)
        scene.settle()


@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["at once", "after the answer"])
@pytest.mark.parametrize("size", [128 * KIB, MIB, 4 * MIB, 16 * MIB])
def test_refused_bytes_are_no_request(size: int, pause: float, tmp_path: Path, disk: Disk, seed: str) -> None:
    """A server that answers before it has read the body reads the rest of it, or closes: it is never a request."""
    hidden = _padded("DELETE /v2/a/b/manifests/t HTTP/1.1", 64)
    config = blob("config", 100)
    with Scene(tmp_path, seed, environment={"ENTREPOT_STORAGE_PATH": str(disk.path / "storage")}) as scene:
        scene.start()
        with scene.client(says_full) as client:
            assert client.single_post("a/b", config)
            assert client.put_manifest("a/b", image(config, [], mark="kept"), ("t",))
            disk.fill()
            upload = client.open_upload("a/b", blob("never stored", size))
            assert upload is not None
        head = _padded(f"PATCH {upload.location} HTTP/1.1\r\nContent-Length: {size}", 512)
        with Wire(scene.server.port) as wire:
            received = wire.pour(head, hidden * (size // len(hidden)), pause)
        assert received.count(b"HTTP/1.1 ") == 1
        assert received.startswith(b"HTTP/1.1 503 ")
        scene.look(uploads=False)


def _padded(start: str, size: int) -> bytes:
    """A head of exactly so many bytes, so that wherever a server stops reading, a next one begins."""
    start += "\r\nHost: x\r\nX: "
    return f"{start}{'-' * (size - len(start) - 4)}\r\n\r\n".encode()


def test_failed_uploads_leave_no_bytes(tmp_path: Path, disk: Disk, seed: str) -> None:
    """A single POST that failed cannot be resumed by anybody: what it wrote is freed, not left to fill the disk."""
    with Scene(tmp_path, seed, root=disk.path / "root") as scene:
        scene.start()
        disk.fill(leave=8 * MIB)
        with scene.client(says_full) as client:
            for attempt in range(4):
                assert not client.single_post("team/app", blob(f"too large {attempt}", 10 * MIB))
            assert client.single_post("team/app", blob("small enough", 4 * MIB))
        disk.release()
        scene.settle()


def test_kill_on_a_full_disk(scene: Scene, disk: Disk) -> None:
    """Killed while the disk is full, it comes back on the full disk, serves pulls, and takes pushes after."""
    scene.load(0.3)
    disk.fill(leave=MIB // 2)
    load = scene.begin_load(says_full)
    disk.fill()
    load.killing.set()
    scene.kill()
    load.join()
    scene.record.died()
    scene.no_complaints()
    scene.server.start()
    scene.server.wait_ready(path="/healthz")
    scene.look(uploads=False)
    scene.load(0.3, says_full)
    disk.release()
    scene.load(0.3)
    scene.settle()


def test_read_only_storage(tmp_path: Path, disk: Disk, seed: str) -> None:
    """The kernel itself turns the blobs' disk read-only: pulls go on, pushes are refused in words.

    It refuses to do so while any file is open for writing, and the database's always are: theirs is the test of
    failing system calls, and of a start on a disk that is read-only already.
    """
    environment = {"ENTREPOT_STORAGE_PATH": str(disk.path / "storage")}
    with Scene(tmp_path, seed, environment=environment) as scene:
        scene.start()
        scene.load(0.4)
        disk.remount("ro")
        scene.load(0.4, says_read_only)
        assert scene.record.counts["answers 503"] > 10, scene.record.counts
        scene.look(uploads=False)
        assert scene.ask("/readyz").status == 503
        assert scene.ask("/healthz").status == 200
        disk.remount("rw")
        scene.load(0.4)
        assert scene.ask("/readyz").status == 200
        scene.settle()


def test_start_on_a_read_only_disk(tmp_path: Path, disk: Disk, seed: str) -> None:
    """It either serves what it has, or says in one sentence why it cannot start; what it held is there afterwards."""
    with Scene(tmp_path, seed, root=disk.path / "root") as scene:
        scene.start()
        scene.load(0.3)
        assert scene.server.stop() == 0
        disk.remount("ro")
        scene.server.start()
        try:
            scene.server.wait_ready(path="/healthz")
        except RuntimeError:
            assert "read-only" in scene.server.tail(), scene.server.tail()
        else:
            scene.look(uploads=False)
            scene.load(0.3, says_read_only)
        scene.server.close()
        disk.remount("rw")
        scene.start()
        scene.settle()


def test_storage_that_was_away(tmp_path: Path, disk: Disk, seed: str) -> None:
    """The blobs' disk is not mounted for a while, and clients ask meanwhile: when it is back, so are all blobs."""
    environment = {"ENTREPOT_STORAGE_PATH": str(disk.path / "storage")}
    with Scene(tmp_path, seed, environment=environment) as scene:
        scene.start()
        scene.load(0.3)
        scene.look()
        scene.server.kill()
        disk.unmount()
        scene.server.start()
        try:
            scene.server.wait_ready(path="/healthz")
        except RuntimeError:
            assert "Traceback" not in scene.server.tail()
        else:
            with Wire(scene.server.port) as wire:
                for key in scene.record.known():
                    if key.kind == BLOB:
                        wire.ask("GET", f"/v2/{key.repository}/blobs/{key.name}")
        scene.server.close()
        disk.mount()
        scene.start()
        scene.settle()
