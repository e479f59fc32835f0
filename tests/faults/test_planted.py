"""What others have put below the storage's root: nothing waits for it, follows it or starts it; a push replaces it."""

import os
import shutil
import struct
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest

from tests.faults.content import KIB, blob
from tests.faults.scene import Scene
from tests.faults.wire import Wire

pytestmark = pytest.mark.faults

REPOSITORY = "team/app"
SIZES = [3 * KIB, 200 * KIB]


def _fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path, outside: Path) -> None:
    (path / "in it").mkdir(parents=True)


def _link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _socket(path: Path, outside: Path) -> None:
    os.mknod(path, 0o140600)


@pytest.mark.parametrize("plant", [_fifo, _folder, _link, _socket])
@pytest.mark.parametrize("size", SIZES)
def test_planted_blob(size: int, plant: Callable[[Path, Path], None], tmp_path: Path, seed: str) -> None:
    """In the place of a blob: no answer waits for it, it is out of sight, and the next push is served again."""
    content, outside = blob("planted", size), tmp_path / "outside"
    outside.write_bytes(b"x" * size)
    with Scene(tmp_path, seed) as scene:
        scene.start()
        with scene.client() as client:
            assert client.single_post(REPOSITORY, content)
        digits = content.digest.partition(":")[2]
        file = scene.root / "storage/docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"
        file.unlink()
        plant(file, outside)
        started = time.monotonic()
        for method in ("GET", "HEAD", "GET"):
            with Wire(scene.server.port, timeout=5) as wire:
                assert wire.ask(method, f"/v2/{REPOSITORY}/blobs/{content.digest}").status == 404
        assert time.monotonic() - started < 4
        assert scene.ask("/healthz").status == 200
        with scene.client() as client:
            assert client.single_post(REPOSITORY, content)
        assert scene.ask(f"/v2/{REPOSITORY}/blobs/{content.digest}").body == content.data
        assert outside.read_bytes() == b"x" * size
        assert not scene.server.tracebacks()


@pytest.mark.parametrize("plant", [_fifo, _folder, _link, _socket])
def test_planted_journal(plant: Callable[[Path, Path], None], tmp_path: Path, seed: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    with Scene(tmp_path, seed) as scene:
        scene.start()
        with scene.client() as client:
            client.single_post(REPOSITORY, blob("kept", 3 * KIB))
        scene.kill()
        plant(scene.root / "storage/.journal/planted", outside)
        scene.start()
        scene.look(uploads=False)
        assert not scene.server.tracebacks()


@pytest.mark.parametrize(
    "name", ["/{outside}", "../../outside", "docker/../../outside", "\xff\xfe", ".aside/x", "a//b"]
)
def test_journal_record_with_a_path_that_is_none(name: str, tmp_path: Path, seed: str) -> None:
    """A whole record, as it can be made by who may write there: it names no file outside, and harms no start."""
    outside = tmp_path / "outside"
    path, data, salt = name.format(outside=str(outside)[1:]).encode("latin-1"), b"written", b"saltsalt"
    check = blake2b(path + data, digest_size=16, key=salt + len(path).to_bytes(2, "big")).digest()
    with Scene(tmp_path, seed) as scene:
        scene.start()
        with scene.client() as client:
            client.single_post(REPOSITORY, blob("kept", 3 * KIB))
        scene.kill()
        journal = scene.root / "storage/.journal/planted"
        journal.write_bytes(struct.pack(">8sHI16s", salt, len(path), len(data), check) + path + data)
        scene.start()
        assert not outside.exists()
        assert not (scene.root / "outside").exists()
        assert not (scene.root / "storage/.aside/x").exists()
        scene.look(uploads=False)
        assert not scene.server.tracebacks()


def test_folder_for_files_on_their_way_in_is_made_again(tmp_path: Path, seed: str) -> None:
    with Scene(tmp_path, seed) as scene:
        scene.start()
        shutil.rmtree(scene.root / "storage/.aside", ignore_errors=True)
        with scene.client() as client:
            for size in SIZES:
                assert client.single_post(REPOSITORY, blob("after", size))
        assert scene.ask("/readyz").status == 200
