"""The database is moved, replaced, removed, emptied or locked, under a running server or before it starts."""

import contextlib
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.content import KIB, blob, image
from tests.faults.judges import any_503
from tests.faults.scene import Scene
from tests.faults.strace import Strace, fail
from tests.faults.wire import Wire

pytestmark = pytest.mark.faults

REPOSITORY = "team/app"
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, seed: str) -> Iterator[Scene]:
    with Scene(tmp_path, seed, workers=request.param) as made:
        made.start()
        _push(made, "before")
        yield made


def _push(scene: Scene, name: str) -> None:
    """A small and a large blob, an image and its tag; refused with 503, or in the record."""
    with scene.client(any_503) as client:
        config = blob("config", 500)
        for content in (config, blob(f"{name} small", 3 * KIB), blob(f"{name} large", 200 * KIB)):
            client.single_post(REPOSITORY, content)
        client.put_manifest(REPOSITORY, image(config, [], mark=name), (name,))


def _refuses_all(scene: Scene) -> None:
    """No push is acked, of a blob, a manifest or a session; it says why, and no traceback."""
    with Wire(scene.server.port) as wire:
        content = blob("after", 3 * KIB)
        for _ in range(4):  # more than one worker
            wire.close()
            answer = wire.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={content.digest}", content.data, BYTES)
            assert not any_503(answer), answer.brief()
        manifest = image(blob("config", 500), [], mark="after")
        answer = wire.ask(
            "PUT", f"/v2/{REPOSITORY}/manifests/after", manifest.payload, {"Content-Type": manifest.media_type}
        )
        assert not any_503(answer), answer.brief()
        ready = wire.ask("GET", "/readyz")
        assert ready.status == 503
        assert "database" in ready.body.decode()
    assert not scene.server.tracebacks()


def _move(database: Path) -> None:
    for file in database.parent.glob("entrepot.db*"):
        file.rename(file.with_name(f"moved.{file.name}"))


def _replace(database: Path) -> None:
    shutil.copy(database, database.with_name("copy"))
    database.with_name("copy").rename(database)


def _remove(database: Path) -> None:
    for file in database.parent.glob("entrepot.db*"):
        file.unlink()


def _remove_root(database: Path) -> None:
    shutil.rmtree(database.parent)


@pytest.mark.parametrize("how", [_move, _replace, _remove, _remove_root])
def test_gone_while_serving(how: Callable[[Path], None], scene: Scene) -> None:
    database = scene.root / "entrepot.db"
    how(database)
    _refuses_all(scene)
    assert database.exists() == (how is _replace), "a new, empty database appeared"
    assert scene.ask("/healthz").status == 200


def test_moved_and_put_back(scene: Scene) -> None:
    _move(scene.root / "entrepot.db")
    _refuses_all(scene)
    for file in scene.root.glob("moved.*"):
        file.rename(file.with_name(file.name.removeprefix("moved.")))
    _push(scene, "back")
    assert scene.ask("/readyz").status == 200
    scene.restart()
    scene.look(uploads=False)


def test_log_removed_while_serving(scene: Scene) -> None:
    """What was in it is acked: it is in the database before anything else is refused."""
    (scene.root / "entrepot.db-wal").unlink()
    _refuses_all(scene)
    scene.restart()
    scene.look(uploads=False)


def test_log_removed_before_the_start(scene: Scene) -> None:
    """Said when it may have been needed: after a kill, and not after a clean end or with the log in its place."""
    words = "its log"
    scene.restart()
    assert words not in scene.server.tail()
    assert scene.server.stop() == 0
    scene.start()
    assert words not in scene.server.tail()
    _push(scene, "more")
    scene.kill()
    (scene.root / "entrepot.db-wal").unlink()
    scene.start()
    assert "entrepot.db-wal is gone" in scene.server.tail()
    assert "restore the log" in scene.server.tail()


@pytest.mark.parametrize("how", ["missing", "emptied"])
def test_start_without_its_database(how: str, scene: Scene) -> None:
    """Beside a storage full of blobs it is no new registry: it says what is wrong, and what to do."""
    assert scene.server.stop() == 0
    kept = scene.folder / "kept.db"
    (scene.root / "entrepot.db").rename(kept)
    if how == "emptied":
        (scene.root / "entrepot.db").touch()
    scene.server.start()
    with pytest.raises(RuntimeError, match="ended while it started"):
        scene.server.wait_ready()
    assert "restore it from its backup" in scene.server.tail()
    assert "Traceback" not in scene.server.tail()
    scene.server.close()
    for file in scene.root.glob("entrepot.db*"):
        file.unlink()
    shutil.copy(kept, scene.root / "entrepot.db")
    scene.start()
    scene.look(uploads=False)


def test_first_push_that_is_cut_off_is_no_reason_not_to_start(tmp_path: Path, seed: str) -> None:
    """A blob is in the storage, and the row that says so is not there yet."""
    with Scene(tmp_path, seed) as scene:
        scene.start()
        scene.kill()
        content = blob("cut off", 3 * KIB)
        digits = content.digest.partition(":")[2]
        file = scene.root / "storage/docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"
        file.parent.mkdir(parents=True)
        file.write_bytes(content.data)
        scene.start()


def test_newer_database(scene: Scene) -> None:
    assert scene.server.stop() == 0
    with contextlib.closing(sqlite3.connect(scene.root / "entrepot.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    scene.server.start()
    with pytest.raises(RuntimeError, match="ended while it started"):
        scene.server.wait_ready()
    assert "newer version" in scene.server.tail()
    assert "Traceback" not in scene.server.tail()
    scene.server.close()


def test_locked_database(scene: Scene) -> None:
    """Others are answered meanwhile, readiness within three seconds; reads and writes are refused, or wait."""
    for number in range(len(scene.server.processes())):
        assert scene.ask(f"/v2/{REPOSITORY}/manifests/before?{number}").status == 200
    with contextlib.closing(sqlite3.connect(scene.root / "entrepot.db", isolation_level=None)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        locker.execute("UPDATE probes SET at = at")
        started = time.monotonic()
        ready = scene.ask("/readyz")
        assert ready.status == 503
        assert time.monotonic() - started < 3
        assert scene.ask(f"/v2/{REPOSITORY}/manifests/before").status == 200
        locker.execute("ROLLBACK")
    time.sleep(0.2)
    assert scene.ask("/readyz").status == 200


def test_readiness_while_syncs_fail(scene: Scene) -> None:
    log = scene.folder / "strace.log"
    with Strace(scene.server.processes(), log, fail("fsync,fdatasync", "EIO")):
        ready = scene.ask("/readyz")
        assert ready.status == 503
        assert b'"storage":"ok"' not in ready.body
        assert b'"database":"ok"' not in ready.body
    assert scene.ask("/readyz").status == 200


@pytest.mark.parametrize("damage", ["text", "tables"])
def test_damage_is_named(damage: str, scene: Scene) -> None:
    """Neither a 500 nor a traceback; and no blob is judged by it."""
    with contextlib.closing(sqlite3.connect(scene.root / "entrepot.db")) as database, database:
        if damage == "text":
            database.execute("UPDATE manifests SET media_type = CAST(X'FFFE80' AS TEXT)")
        else:
            database.execute("PRAGMA foreign_keys = OFF")
            database.execute("DROP TABLE tags")
    with Wire(scene.server.port) as wire:
        for _ in range(4):
            wire.close()
            answer = wire.ask("GET", f"/v2/{REPOSITORY}/manifests/before")
            assert answer.status == 503, answer.brief()
            assert "damaged" in answer.body.decode()
    assert not scene.server.tracebacks()


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_modes_whatever_the_umask(mask: int, tmp_path: Path, seed: str) -> None:
    with Scene(tmp_path, seed, workers=2) as scene:
        before = os.umask(mask)
        try:
            scene.start()
        finally:
            os.umask(before)
        _push(scene, "before")
        files = [*scene.root.glob("entrepot.db*"), *(scene.root / "metrics").glob("*")]
        assert len(files) > 3
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) & 0o137 == 0, f"{file} {file.stat().st_mode:o}"
