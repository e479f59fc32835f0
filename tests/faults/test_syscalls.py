"""The order of syncs behind an acknowledgement, and a real server whose system calls fail one kind at a time."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults import durable
from tests.faults.client import Client
from tests.faults.content import MIB, Blob, blob, image
from tests.faults.judges import any_503, says_full, says_read_only
from tests.faults.record import BLOB, MANIFEST, TAG, Key
from tests.faults.scene import Scene
from tests.faults.strace import Call, Strace, fail, parse

pytestmark = pytest.mark.faults

CONFIG = blob("syscalls config", 200)
FIRST, SECOND = image(CONFIG, [], mark="first"), image(CONFIG, [], mark="second")


@pytest.fixture
def scene(tmp_path: Path, seed: str) -> Iterator[Scene]:
    """A running server with an image in two repositories; no background check of stored bytes."""
    with Scene(tmp_path, seed, environment={"ENTREPOT_VERIFY_ENABLED": "false"}) as made:
        made.start()
        with made.client() as client:
            for repository in ("a/app", "b/app"):
                assert client.single_post(repository, CONFIG)
                assert client.put_manifest(repository, FIRST, ("one", "two"), by_digest=True)
            assert client.single_post("a/app", blob("mounted", 5000))
        yield made


def _traced(scene: Scene, act: Callable[[Client], object]) -> list[Call]:
    """The system calls of the server while one client does one thing."""
    log = scene.folder / "strace.log"
    with scene.client() as client, Strace(scene.server.processes(), log, ["-e", f"trace={durable.TRACED}"]) as strace:
        assert act(client)
    return strace.calls()


def _push(shape: str, content: Blob, client: Client) -> bool:
    return bool(getattr(client, shape)("a/app", content))


@pytest.mark.parametrize("shape", ["single_post", "post_put", "chunks", "streamed"])
def test_blob_is_safe_before_its_answer(shape: str, scene: Scene) -> None:
    for algorithm, size in itertools.product(["sha256", "sha512"], [10, 70_000, 3 * MIB]):
        content = blob(f"{shape} {algorithm} {size}", size, algorithm)
        calls = _traced(scene, partial(_push, shape, content))
        assert durable.unsafe(calls, durable.answer(calls, 201), content.digest) == [], content


@pytest.mark.parametrize(
    ("act", "status"),
    [
        (lambda client: client.mount("b/app", blob("mounted", 5000), "a/app"), 201),
        (lambda client: client.put_manifest("a/app", SECOND, ("new",)), 201),
        (lambda client: client.put_manifest("a/app", SECOND, (), by_digest=True), 201),
        (lambda client: client.put_manifest("a/app", FIRST, ("three", "four"), by_digest=True), 201),
        (lambda client: client.delete(Key(TAG, "a/app", "one"), {}), 202),
        (lambda client: client.delete(Key(MANIFEST, "b/app", FIRST.digest), _tags("b/app")), 202),
        (lambda client: client.delete(Key(BLOB, "a/app", blob("mounted", 5000).digest), {}), 202),
    ],
    ids=["mount", "tag", "digest", "tags", "delete tag", "delete manifest", "delete blob"],
)
def test_row_is_safe_before_its_answer(act: Callable[[Client], object], status: int, scene: Scene) -> None:
    calls = _traced(scene, act)
    assert durable.unsafe(calls, durable.answer(calls, status)) == []


def test_blob_that_exists_is_safe_before_its_answer(scene: Scene) -> None:
    """Bytes that another client is publishing at this moment are no excuse: the row is synced all the same."""
    content = blob("mounted", 5000)
    calls = _traced(scene, lambda client: client.single_post("c/app", content))
    assert durable.unsafe(calls, durable.answer(calls, 201)) == []


def _tags(repository: str) -> dict[Key, str]:
    return {Key(TAG, repository, tag): "" for tag in ("one", "two")}


SAFE = """\
1 mkdirat(AT_FDCWD</>, "/s/blobs/sha256/ab", 0777) = 0
1 fsync(5</s/blobs/sha256>) = 0
1 mkdir("/s/blobs/sha256/ab/abcd", 0777) = 0
1 fsync(5</s/blobs/sha256/ab>) = 0
1 write(4</s/up/data>, "x"..., 10) = 10
1 fsync(4</s/up/data>) = 0
1 rename("/s/up/data", "/s/blobs/sha256/ab/abcd/data") = 0
1 fsync(5</s/blobs/sha256/ab/abcd>) = 0
2 pwrite64(6</s/e.db-wal>, "x"..., 4096, 0) = 4096
2 fdatasync(6</s/e.db-wal> <unfinished ...>
3 write(1</s/log>, "x", 1) = 1
2 <... fdatasync resumed>) = 0
1 write(9<socket:[77]>, "HTTP/1.1 201 Created\\r\\n"..., 90) = 90
"""


JOURNALLED = """\
1 pwrite64(5</s/.journal/1>, "\\1salt/s/blobs/sha256/ab/abcd/data..."..., 90, 0) = 90
1 fsync(5</s/.journal/1>) = 0
1 write(4</s/blobs/sha256/ab/abcd/.data>, "x"..., 10) = 10
1 rename("/s/blobs/sha256/ab/abcd/.data", "/s/blobs/sha256/ab/abcd/data") = 0
2 pwrite64(6</s/e.db-wal>, "x"..., 4096, 0) = 4096
2 fdatasync(6</s/e.db-wal>) = 0
1 write(9<socket:[77]>, "HTTP/1.1 201 Created\\r\\n"..., 90) = 90
"""


def test_journal_is_accepted() -> None:
    calls = parse(JOURNALLED.splitlines())
    assert durable.unsafe(calls, durable.answer(calls, 201), "sha256:abcd") == []


@pytest.mark.parametrize(("line", "later"), [(0, 0), (1, 1), (0, 2), (1, 4)])
def test_journal_that_is_late_is_seen(line: int, later: int) -> None:
    """Left out, or moved behind what it should come before."""
    lines = JOURNALLED.splitlines()
    moved = lines.pop(line)
    if later != line:
        lines.insert(later, moved)
    calls = parse(lines)
    assert durable.unsafe(calls, durable.answer(calls, 201), "sha256:abcd")


def test_safe_order_is_accepted() -> None:
    calls = parse(SAFE.splitlines())
    assert len(calls) == 12
    assert durable.unsafe(calls, durable.answer(calls, 201), "sha256:abcd") == []


@pytest.mark.parametrize("line", [1, 3, 5, 7, 8, 9])
def test_missing_step_is_seen(line: int) -> None:
    lines = SAFE.splitlines()
    lines[line] = ""
    calls = parse(lines)
    assert len(durable.unsafe(calls, durable.answer(calls, 201), "sha256:abcd")) == 1


@pytest.mark.parametrize(("early", "late"), [(4, 5), (5, 6), (6, 7), (8, 11), (11, 12)])
def test_wrong_order_is_seen(early: int, late: int) -> None:
    lines = SAFE.splitlines()
    lines.insert(late, lines.pop(early))
    if early == 8:
        lines[late], lines[late - 1] = lines[late - 1], lines[late]
    calls = parse(lines)
    assert durable.unsafe(calls, durable.answer(calls, 201), "sha256:abcd")


def test_failed_sync_is_no_sync() -> None:
    calls = parse(SAFE.replace("fsync(4</s/up/data>) = 0", "fsync(4</s/up/data>) = -1 EIO (Input)").splitlines())
    assert durable.unsafe(calls, durable.answer(calls, 201), "sha256:abcd")


@pytest.mark.parametrize(
    ("call", "error", "judge"),
    [
        ("pwrite64", "ENOSPC", says_full),
        ("pwrite64", "EIO", any_503),
        ("pwrite64", "EROFS", any_503),
        ("fdatasync,fsync", "EIO", any_503),
        ("fdatasync,fsync", "ENOSPC", any_503),
    ],
)
def test_database_calls_fail(call: str, error: str, judge: Callable[..., str], scene: Scene) -> None:
    """Nothing is acknowledged while the database's files fail; pulls go on; all is well at once afterwards."""
    scene.load(0.2)
    log = scene.folder / "strace.log"
    files = sorted(scene.root.glob("entrepot.db*"))
    with Strace(scene.server.processes(), log, fail(call, error, files)):
        scene.load(0.3, judge)
        scene.look(uploads=False)
    assert "INJECTED" in log.read_text()
    assert scene.record.counts["answers 503"] > 3, scene.record.counts
    scene.load(0.2)
    scene.settle()


@pytest.mark.parametrize(
    ("call", "error", "judge"),
    [
        ("fsync", "EIO", any_503),
        ("fsync", "ENOSPC", says_full),
        ("rename,renameat,renameat2", "EIO", any_503),
        ("rename,renameat,renameat2", "EROFS", says_read_only),
        ("mkdir,mkdirat", "ENOSPC", says_full),
        ("openat", "EMFILE", any_503),
    ],
)
def test_storage_calls_fail(call: str, error: str, judge: Callable[..., str], scene: Scene) -> None:
    """A blob is not acknowledged when any step of its publishing fails, and can be pushed afterwards."""
    log = scene.folder / "strace.log"
    for size in (30_000, 2 * MIB):
        failing = blob(f"failing {call} {error}", size)
        with scene.client(judge) as client:
            upload = client.open_upload("a/app", failing)
            assert upload is not None
            assert client.patch(upload, size // 2)
            # SQLite syncs with fdatasync, and renames and makes nothing: these calls are the storage's alone.
            with Strace(scene.server.processes(), log, fail(call, error)):
                closed = client.close_upload(upload)
            assert "INJECTED" in log.read_text()
            assert not closed
            scene.look(uploads=False)
            assert client.single_post("a/app", failing)
    scene.settle()
