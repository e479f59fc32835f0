"""What kills leave behind is cleared away, so that a server that is killed often does not fill its disk."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.content import MIB, blob
from tests.faults.scene import Scene, until
from tests.faults.wire import Cut, Wire

pytestmark = pytest.mark.faults

# Sessions expire after a second here, and the job that looks for them comes as often.
SOON = {"ENTREPOT_UPLOADS_EXPIRE_AFTER": "1s"}


def _leftovers(folder: Path) -> list[Path]:
    """Files of uploads, and of writes aside, that nobody has finished."""
    return [path for path in folder.rglob("*") if path.is_file() and {"_uploads", ".aside"} & set(path.parts)]


def _halfway(scene: Scene, shape: str) -> None:
    """Kill the server while a client is in the middle of a slow body."""
    content = blob(f"cut {shape}", 3 * MIB)

    def push() -> None:
        with Wire(scene.server.port) as wire:
            client = Client(1, wire, scene.record, random.Random(1))
            try:
                if shape == "session":
                    upload = client.open_upload("a/app", content)
                    assert upload is not None
                    client.patch(upload, content.size, pieces=3, pause=0.3)
                else:
                    target = f"/v2/a/app/blobs/uploads/?digest={content.digest}"
                    client.ask("POST", target, _slowly(content.data))
            except Cut:
                return

    thread = threading.Thread(target=push)
    thread.start()
    assert until(lambda: bool(_leftovers(scene.root)), 5)
    scene.kill()
    thread.join(20)


def _slowly(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MIB):
        yield data[start : start + MIB]
        time.sleep(0.3)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("shape", ["session", "single post"])
def test_bytes_that_nobody_finishes_are_freed(shape: str, workers: int, tmp_path: Path, seed: str) -> None:
    with Scene(tmp_path, seed, environment=SOON, workers=workers) as scene:
        for _ in range(2):
            scene.start()
            _halfway(scene, shape)
        assert _leftovers(scene.root)
        scene.start()
        assert until(lambda: not _leftovers(scene.root), 8), _leftovers(scene.root)


def test_temporary_folders_do_not_pile_up(tmp_path: Path, seed: str) -> None:
    """The server's TMPDIR is the test's folder: what several workers share there goes with the last of them."""
    with Scene(tmp_path, seed, workers=3) as scene:
        before = set(tmp_path.iterdir())
        for _ in range(3):
            scene.start()
            scene.kill()
        scene.start()
        assert scene.server.stop() == 0
        left = {path.name for path in tmp_path.iterdir()} - {path.name for path in before}
        assert left <= {"root", "server.log", "server.access"}
