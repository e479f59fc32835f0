"""Two servers on the same folders: the second says so and ends; a crash, or an end meanwhile, frees them."""

import threading
import time
from pathlib import Path

import pytest

from tests.faults.content import KIB, blob
from tests.faults.scene import Scene
from tests.faults.server import Server

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("shared", ["root", "storage"])
def test_second_server_is_refused(shared: str, tmp_path: Path, seed: str) -> None:
    storage = {"ENTREPOT_STORAGE_PATH": str(tmp_path / "storage")}
    with Scene(tmp_path, seed, environment=storage, workers=2) as scene:
        scene.start()
        root = scene.root if shared == "root" else tmp_path / "other"
        second = Server(root, tmp_path / "second.log", environment=storage)
        try:
            with pytest.raises(RuntimeError, match="ended while it started"):
                _start(second)
            words = "server.root" if shared == "root" else "storage.path"
            assert f"another server is running on {words}" in second.tail()
            assert "traceback" not in second.tail().lower()
        finally:
            second.forget()
        assert scene.ask("/readyz").status == 200


def test_second_server_waits_for_one_that_ends(tmp_path: Path, seed: str) -> None:
    """As in an upgrade whose new server is started while the old one still drains."""
    with Scene(tmp_path, seed) as scene:
        scene.start()
        with scene.client() as client:
            assert client.single_post("team/app", blob("kept", 3 * KIB))
        second = Server(scene.root, tmp_path / "second.log")
        ending = threading.Timer(1.0, scene.server.stop)
        ending.start()
        try:
            _start(second)
        finally:
            ending.join()
            second.forget()
        scene.start()
        scene.look(uploads=False)


def test_crash_leaves_nothing_locked(tmp_path: Path, seed: str) -> None:
    with Scene(tmp_path, seed, workers=2) as scene:
        scene.start()
        scene.server.kill()
        started = time.monotonic()
        scene.start()
        assert time.monotonic() - started < 8


def _start(server: Server) -> None:
    server.start()
    server.wait_ready()
