"""One file given to a registry that is another user's: it can read it, and not write to it."""

import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.images.linked_upload import LinkedUpload
from storage import paths
from storage.checked import Checked
from storage.content import ContentStore
from storage.digest import Digest
from storage.drivers.filesystem import FilesystemDriver
from tests.e2e.processes import run

UPLOAD = "1" * 32
DATA = bytes(range(256)) * 1000
DIGEST = Digest.of(DATA)
USER, GROUP = 65534, 65533


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can enter."""
    with tempfile.TemporaryDirectory(prefix="entrepot-giving-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def as_user(work: Callable[[], object]) -> None:
    """Do it in a process of the other user."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(GROUP)
            os.setuid(USER)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def storage_of(place: Path, name: str) -> Path:
    """The storage of a registry that runs as the other user."""
    root = place / name
    root.mkdir(mode=0o750)
    os.chown(root, USER, GROUP)
    as_user(lambda: content_of(root).open_ingest_folder())
    return root


def content_of(root: Path) -> ContentStore:
    return ContentStore(Checked(FilesystemDriver(str(root))))


@pytest.fixture
def ours(place: Path) -> Path:
    """A file of root's."""
    file = place / "ours"
    file.write_bytes(DATA)
    file.chmod(0o640)
    return file


@pytest.fixture
def cloning(place: Path) -> Iterator[Path]:
    """A file system whose files can share bytes."""
    image, at = place / "image", place / "xfs"
    with image.open("wb") as file:
        file.truncate(320 << 20)
    run(["mkfs.xfs", "-q", "-m", "reflink=1", image])
    at.mkdir()
    run(["mount", "-o", "loop", image, at])
    try:
        at.chmod(0o755)
        yield at
    finally:
        run(["umount", at])


def test_a_clone_is_the_registrys_own_and_takes_no_room(cloning: Path) -> None:
    storage = storage_of(cloning, "registry")
    ours = cloning / "ours"
    ours.write_bytes(DATA * 40)
    os.sync()
    free, digest = os.statvfs(cloning).f_bfree, Digest.of(DATA * 40)
    giving = LinkedUpload(storage, ours)
    with giving(UPLOAD) as put:
        assert put
        as_user(lambda: content_of(storage).adopt(paths.linked(UPLOAD), digest))
    assert giving.taken
    os.sync()
    assert (free - os.statvfs(cloning).f_bfree) * os.statvfs(cloning).f_frsize < 1_000_000
    blob, found = storage / paths.blob_data(digest), ours.stat()
    assert not blob.samefile(ours)
    assert (blob.stat().st_uid, blob.stat().st_gid, blob.stat().st_mode & 0o7777) == (USER, GROUP, 0o440)
    assert (found.st_uid, found.st_gid, found.st_nlink) == (0, 0, 1)
    ours.write_bytes(b"")
    content_of(storage).verify(digest, len(DATA) * 40, lambda _: None)


def test_the_registry_can_read_it_and_not_write_to_it(place: Path, ours: Path) -> None:
    storage = storage_of(place, "registry")
    blob = storage / paths.blob_data(DIGEST)

    def taken() -> None:
        content_of(storage).adopt(paths.linked(UPLOAD), DIGEST)
        for act in (lambda: blob.open("r+b"), lambda: blob.chmod(0o640)):
            with pytest.raises(PermissionError):
                act()

    giving = LinkedUpload(storage, ours)
    with giving(UPLOAD) as put:
        assert put
        as_user(taken)
    assert giving.taken
    assert blob.samefile(ours)
    found = ours.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, GROUP, 0o440)


def test_a_file_that_others_have_keeps_its_group(place: Path, ours: Path) -> None:
    storage = storage_of(place, "registry")
    other = place / "other"
    other.hardlink_to(ours)
    giving = LinkedUpload(storage, ours)
    with giving(UPLOAD) as put:
        assert not put
    assert not giving.taken
    assert (ours.stat().st_gid, ours.stat().st_mode & 0o7777) == (0, 0o640)
    other.unlink()
    with giving(UPLOAD) as put:
        assert put
    assert not giving.taken
    assert list((storage / paths.LINKED).iterdir()) == []


def test_what_does_not_fit_is_no_error(place: Path, ours: Path) -> None:
    storage = storage_of(place, "registry")
    linked = storage / paths.LINKED
    for upload in ("", "..", "../../x", UPLOAD.upper().replace("1", "A"), UPLOAD + "\n"):
        with LinkedUpload(storage, ours)(upload) as put:
            assert not put
    with LinkedUpload(storage, place / "none")(UPLOAD) as put:
        assert not put
    os.chown(ours, 1, 1)  # the registry would not take a file of a third user
    with LinkedUpload(storage, ours)(UPLOAD) as put:
        assert not put
    os.chown(ours, 0, 0)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    linked.rmdir()
    linked.symlink_to(elsewhere)
    giving = LinkedUpload(storage, ours)
    with giving(UPLOAD) as put:
        assert not put
    assert not giving.taken
    assert list(elsewhere.iterdir()) == []
    shutil.rmtree(storage)
    with LinkedUpload(storage, ours)(UPLOAD) as put:
        assert not put
