"""What only files can show: real full files, real locks of other processes, real kills."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import paths
from storage.checked import Checked
from storage.content import ContentStore, IngestState
from storage.digest import Digest
from storage.drivers.filesystem import FilesystemDriver
from storage.errors import Busy, NoSpace, NotFound, Unavailable

UPLOAD = paths.upload_data("team/app", "1")
LIMIT = 100_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def content(root: Path) -> ContentStore:
    return ContentStore(Checked(FilesystemDriver(str(root))))


@pytest.fixture
def full() -> Iterator[None]:
    """No file may grow past LIMIT: the kernel writes what fits, then refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_modes_and_what_is_left_behind(content: ContentStore, root: Path) -> None:
    os.umask(os.umask(0o022))
    ingest = content.begin(UPLOAD)
    ingest.write(b"x")
    ingest.commit(Digest.of(b"x"))
    blob = root / paths.blob_data(Digest.of(b"x"))
    assert stat.S_IMODE(blob.stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE(blob.parent.stat().st_mode) & 0o027 == 0
    assert not (root / paths.upload_dir("team/app", "1")).exists()
    assert list((root / ".aside").iterdir()) == []


@pytest.mark.usefixtures("full")
def test_a_short_write_is_taken_back(content: ContentStore) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(b"a" * 60_000)
    with pytest.raises(NoSpace):
        ingest.write(b"b" * 60_000)
    assert ingest.offset == 60_000 == content.partial_size(UPLOAD)
    ingest.write(b"c" * 10)
    state = ingest.suspend()
    assert state.offset == 70_000 - 9_990
    assert content.resume(UPLOAD, state).commit(Digest.of(b"a" * 60_000 + b"c" * 10)).size == 60_010


def test_bytes_that_failed_to_be_synced_are_gone(root: Path) -> None:
    driver = FilesystemDriver(str(root))
    content = ContentStore(Checked(driver))
    ingest = content.begin(UPLOAD)
    ingest.write(b"x")
    links = {os.path.realpath(f"/proc/self/fd/{number}"): int(number) for number in os.listdir("/proc/self/fd")}
    with open("/dev/null", "wb") as null:
        os.dup2(null.fileno(), links[str(root / UPLOAD)])  # the kernel refuses to sync it
    with pytest.raises(Unavailable):
        ingest.commit(Digest.of(b"x"))
    assert ingest.offset == 0
    assert ingest.suspend().offset == 0
    with pytest.raises(NotFound):
        content.resume(UPLOAD, IngestState(0, {}, ""))
    with pytest.raises(NotFound):
        content.check(Digest.of(b"x"), 1)


def test_a_lost_publish_is_told_apart(content: ContentStore, root: Path) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(b"x")
    digest = Digest.of(b"x")
    blob = root / paths.blob_data(digest)
    blob.parent.parent.mkdir(parents=True)
    blob.parent.write_bytes(b"a file where a folder should be")
    with pytest.raises(NotFound):
        ingest.commit(digest)
    assert ingest.offset == 1
    blob.parent.unlink()
    assert ingest.commit(digest).size == 1


def test_a_published_file_cannot_be_resumed(root: Path) -> None:
    driver = FilesystemDriver(str(root))
    writer = driver.create("u/1/data")
    os.link(root / "u/1/data", root / "held")
    writer.commit("b/1/data")
    os.rename(root / "held", root / "u2")
    os.makedirs(root / "u/1", exist_ok=True)
    with pytest.raises(NotFound):
        driver.resume("u/1/data")


def test_links_are_not_followed(root: Path) -> None:
    driver = Checked(FilesystemDriver(str(root)))
    outside = root.parent / "outside"
    outside.write_bytes(b"secret")
    (root / "link").symlink_to(outside)
    with pytest.raises(NotFound):
        driver.stat("link")
    with pytest.raises(NotFound):
        driver.open("link")
    with pytest.raises(Unavailable):
        driver.resume("link")
    driver.put("link", b"replaced")
    assert outside.read_bytes() == b"secret"


def test_the_sweep_takes_only_what_is_old(root: Path) -> None:
    driver = FilesystemDriver(str(root))
    (root / ".aside/fresh").write_bytes(b"")
    assert list(driver.list("")) == []
    FilesystemDriver(str(root))
    assert (root / ".aside/fresh").exists()


WORKER = """
import os, sys
from storage import paths
from storage.checked import Checked
from storage.content import ContentStore
from storage.digest import Digest
from storage.drivers import load
content = ContentStore(Checked(load("filesystem", path=sys.argv[1])))
number = 0
while True:
    number += 1
    data = os.urandom(1000) * (1 + number % 300)
    ingest = content.begin(paths.upload_data("r", f"{os.getpid()}-{number}"))
    for start in range(0, len(data), 9973):
        ingest.write(data[start : start + 9973])
    digest = Digest.of(data)
    size = ingest.commit(digest).size
    print(digest, size, flush=True)
"""


def test_kill_9_leaves_no_half_blob_and_no_lock(root: Path) -> None:
    FilesystemDriver(str(root))
    told: list[tuple[Digest, int]] = []
    for turn in range(8):
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(root)], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        told.append(parse(worker.stdout.readline()))
        time.sleep(0.013 * turn)
        worker.send_signal(signal.SIGKILL)
        told += [parse(line) for line in worker.stdout if line.endswith("\n")]
        worker.stdout.close()
        worker.wait()
    content = ContentStore(Checked(FilesystemDriver(str(root))))
    for digest, size in told:
        content.verify(digest, size, lambda count: None)
    for file in (root / paths.BLOBS).rglob("data"):
        assert Digest.of(file.read_bytes()).hex == file.parent.name
    for upload in (root / paths.REPOSITORIES / "r/_uploads").iterdir():
        if (upload / "data").exists():
            content.resume(paths.upload_data("r", upload.name), IngestState(0, {}, "")).cancel()


def parse(line: str) -> tuple[Digest, int]:
    digest, size = line.split()
    return Digest.parse(digest), int(size)


def test_another_process_is_kept_out_until_it_dies(root: Path, content: ContentStore) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys,time; from storage.drivers import load; "
            "w = load('filesystem', path=sys.argv[1]).create(sys.argv[2]); "
            "w.write(b'kept'); print('held', flush=True); time.sleep(60)",
            str(root),
            UPLOAD,
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Busy):
        content.resume(UPLOAD, IngestState(0, {}, ""))
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert content.resume(UPLOAD, IngestState(0, {}, "")).commit(Digest.of(b"kept")).size == 4
