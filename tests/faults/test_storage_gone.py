"""The storage goes away under a running server, in every way that it can: what is acked is there when it is back.

Where it cannot come back, as it was deleted, nothing is acked after that, and no other folder is used in its place.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.content import KIB, MIB, blob, image
from tests.faults.disk import Disk
from tests.faults.judges import any_503
from tests.faults.oracle import add_query, content_range
from tests.faults.scene import Scene
from tests.faults.wire import Wire

pytestmark = pytest.mark.faults

REPOSITORY = "team/app"
BYTES = {"Content-Type": "application/octet-stream"}
SIZES = [3 * KIB, 200 * KIB, 3 * MIB]
"""Of a blob that goes by the journal, one that is synced by itself, and one that goes by a lane."""


class Place(NamedTuple):
    """The disk, mounted, and the storage on it."""

    disk: Disk
    storage: Path


def _call(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def _unmount(place: Place) -> None:
    """The kernel may refuse, as the server holds it: then nothing has happened to it."""
    _call("umount", str(place.disk.path))


def _unmount_lazily(place: Place) -> None:
    assert _call("umount", "-l", str(place.disk.path))


def _mount_again(place: Place) -> None:
    if not os.path.ismount(place.disk.path):
        place.disk.mount()


def _mount_over(place: Place) -> None:
    assert _call("mount", "-t", "tmpfs", "none", str(place.storage))


def _uncover(place: Place) -> None:
    assert _call("umount", str(place.storage))


def _rename(place: Place) -> None:
    place.storage.rename(place.storage.with_name("elsewhere"))


def _replace(place: Place) -> None:
    _rename(place)
    place.storage.mkdir()


def _move_back(place: Place) -> None:
    if place.storage.exists():
        place.storage.rmdir()  # nothing was put into it
    place.storage.with_name("elsewhere").rename(place.storage)


def _delete(place: Place) -> None:
    shutil.rmtree(place.storage)


def _empty(place: Place) -> None:
    for child in place.storage.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()


AWAY: dict[str, tuple[Callable[[Place], None], Callable[[Place], None]]] = {
    "unmounted": (_unmount, _mount_again),
    "unmounted lazily": (_unmount_lazily, _mount_again),
    "mounted over": (_mount_over, _uncover),
    "renamed": (_rename, _move_back),
    "replaced": (_replace, _move_back),
}
LOST = {"deleted": _delete, "emptied": _empty}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Disk(tmp_path, 64 * MIB) as disk:
        try:
            yield Place(disk, disk.path / "storage")
        finally:
            while os.path.ismount(disk.path / "storage"):
                _call("umount", str(disk.path / "storage"))


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def scene(request: pytest.FixtureRequest, place: Place, tmp_path: Path, seed: str) -> Iterator[Scene]:
    environment = {"ENTREPOT_STORAGE_PATH": str(place.storage), "ENTREPOT_VERIFY_ENABLED": "false"}
    with Scene(tmp_path, seed, environment=environment, workers=request.param) as made:
        made.start()
        yield made


def _push_config(scene: Scene) -> None:
    with scene.client() as client:
        client.single_post(REPOSITORY, blob("config", 500))


def _push_all(scene: Scene, name: str) -> None:
    """Blobs of every size in two shapes, and a manifest: each is acked, and in the record, or refused with 503."""
    with scene.client(any_503) as client:
        for size in SIZES:
            client.single_post(REPOSITORY, blob(f"{name} {size} post", size))
            client.streamed(REPOSITORY, blob(f"{name} {size} streamed", size))
        config = blob("config", 500)
        client.put_manifest(REPOSITORY, image(config, [], mark=name), (name.replace(" ", "-"),))


@pytest.mark.parametrize("kind", AWAY)
def test_away_while_idle(kind: str, scene: Scene, place: Place) -> None:
    take, bring_back = AWAY[kind]
    _push_config(scene)
    _push_all(scene, "before")
    take(place)
    _push_all(scene, "away")
    left = {path.name for path in place.storage.iterdir()} if place.storage.is_dir() else set()
    assert kind == "unmounted" or left == set(), f"bytes went into a folder that is not the storage: {left}"
    if kind != "unmounted":
        assert scene.ask("/readyz").status == 503
        assert place.storage.name in str(scene.ask("/readyz").body)
    if not kind.startswith("unmounted"):
        bring_back(place)
        assert scene.ask("/readyz").status == 200
        _push_all(scene, "back")
    scene.server.kill()
    if kind.startswith("unmounted"):
        bring_back(place)
    scene.start()
    scene.look(uploads=False)


@pytest.mark.parametrize("kind", LOST)
def test_lost_while_idle(kind: str, scene: Scene, place: Place) -> None:
    _push_config(scene)
    _push_all(scene, "before")
    LOST[kind](place)
    with Wire(scene.server.port) as wire:
        for size in SIZES:
            content = blob(f"after {size}", size)
            answer = wire.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={content.digest}", content.data, BYTES)
            assert not any_503(answer), f"{size} bytes: {answer.brief()}"
    assert kind == "emptied" or not place.storage.exists()
    assert scene.ask("/readyz").status == 503
    assert not scene.server.tracebacks()


@pytest.mark.parametrize("kind", [*AWAY, *LOST])
@pytest.mark.parametrize("size", [SIZES[1], SIZES[2]])
def test_away_in_the_middle_of_an_upload(kind: str, size: int, place: Place, tmp_path: Path, seed: str) -> None:
    """Half of the blob came before; the rest, and the closing request, come after."""
    content = blob("cut in two", size)
    environment = {"ENTREPOT_STORAGE_PATH": str(place.storage)}
    with Scene(tmp_path, seed, environment=environment) as scene, Wire(scene.server.port) as wire:
        scene.start()
        middle = size // 2
        location = wire.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/").location
        halves = content.data[:middle], content.data[middle:]
        answer = wire.ask("PATCH", location, halves[0], {**BYTES, **content_range(0, middle)})
        assert answer.status == 202
        (AWAY[kind][0] if kind in AWAY else LOST[kind])(place)
        target = add_query(answer.location, digest=content.digest)
        closed = wire.ask("PUT", target, halves[1], {**BYTES, **content_range(middle, size)})
        assert closed.status in {201, 404, 429, 503}, closed.brief()
        if kind in LOST:
            assert closed.status != 201
            return
        scene.server.kill()
        AWAY[kind][1](place)
        scene.start()
        wire.close()
        found = wire.ask("GET", f"/v2/{REPOSITORY}/blobs/{content.digest}")
        if closed.status == 201:
            assert found.status == 200
            assert hashlib.sha256(found.body).hexdigest() == content.digest.partition(":")[2]
        else:
            assert found.status == 404


@pytest.mark.parametrize("kind", ["mounted over", "replaced", "emptied"])
def test_adoption_while_away(kind: str, place: Place, tmp_path: Path, seed: str) -> None:
    """A file that is put below the name of the storage is not taken for one in the storage."""
    content = blob("adopted", 200 * KIB)
    environment = {"ENTREPOT_STORAGE_PATH": str(place.storage)}
    with Scene(tmp_path, seed, environment=environment) as scene, Wire(scene.server.port) as wire:
        scene.start()
        (AWAY[kind][0] if kind in AWAY else LOST[kind])(place)
        opened = wire.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
        upload = opened.location.partition("?")[0].rpartition("/")[2]
        put = place.storage / "docker/registry/v2/linked" / upload
        put.parent.mkdir(parents=True)
        put.write_bytes(content.data)
        put.chmod(0o440)
        answer = wire.ask("PUT", add_query(opened.location, digest=content.digest, adopt="file"))
        assert answer.status in {400, 503}, answer.brief()
        assert wire.ask("HEAD", f"/v2/{REPOSITORY}/blobs/{content.digest}").status == 404


def test_worker_that_is_replaced_meanwhile(place: Place, tmp_path: Path, seed: str) -> None:
    """It works in the folder of the others, and not in the one that the name leads to by then."""
    environment = {"ENTREPOT_STORAGE_PATH": str(place.storage)}
    with Scene(tmp_path, seed, environment=environment, workers=2) as scene:
        scene.start()
        _push_config(scene)
        _replace(place)
        for pid in [pid for pid in scene.server.processes() if pid != scene.server.pid]:
            os.kill(pid, 9)
        scene.server.wait_ready(path="/healthz")
        _push_all(scene, "replaced")
        assert list(place.storage.iterdir()) == []
