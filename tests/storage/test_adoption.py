"""Files that are put into a storage are taken as they are, and are never changed by it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import paths
from storage.checked import Checked
from storage.content import ContentStore
from storage.digest import Digest
from storage.drivers.filesystem import FilesystemDriver
from storage.drivers.memory import MemoryDriver
from storage.errors import DigestMismatch, NotFound, Unfit

DATA = bytes(range(256)) * 1000
DIGEST = Digest.of(DATA)
PLACE = paths.linked("1" * 32)


@pytest.fixture
def content(tmp_path: Path) -> ContentStore:
    made = ContentStore(Checked(FilesystemDriver(str(tmp_path / "storage"))))
    root = made.open_ingest_folder()
    assert root is not None
    found = os.stat(root.path)
    assert (root.path, root.device, root.inode) == (str(tmp_path / "storage"), found.st_dev, found.st_ino)
    return made


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A file of somebody else on the same file system."""
    file = tmp_path / "theirs"
    file.write_bytes(DATA)
    file.chmod(0o440)
    return file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "storage" / PLACE


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    return tmp_path / "storage" / paths.blob_data(DIGEST)


def test_a_link_is_taken_as_it_is(content: ContentStore, theirs: Path, place: Path, blob: Path) -> None:
    place.hardlink_to(theirs)
    before = theirs.stat()
    assert content.adopt(PLACE, DIGEST).size == len(DATA)
    assert blob.samefile(theirs)
    after = blob.stat()
    assert (after.st_nlink, after.st_blocks, after.st_mtime_ns) == (2, before.st_blocks, before.st_mtime_ns)
    assert not place.exists()
    content.verify(DIGEST, len(DATA), lambda _: None)


def test_neither_side_harms_the_other(content: ContentStore, theirs: Path, place: Path, blob: Path) -> None:
    place.hardlink_to(theirs)
    content.adopt(PLACE, DIGEST)
    content.quarantine(DIGEST)
    place.hardlink_to(theirs)
    content.adopt(PLACE, DIGEST)
    content.delete(DIGEST)
    assert theirs.read_bytes() == DATA
    place.hardlink_to(theirs)
    content.adopt(PLACE, DIGEST)
    [error] = content.put_group([(DIGEST, DATA)])  # pushed again, by its bytes: a file of its own
    assert error is None
    assert not blob.samefile(theirs)
    theirs.unlink()
    assert blob.read_bytes() == DATA


def test_the_same_file_again_leaves_no_second_name(
    content: ContentStore, theirs: Path, place: Path, blob: Path
) -> None:
    for _ in range(2):
        place.hardlink_to(theirs)
        content.adopt(PLACE, DIGEST)
    assert not place.exists()
    assert blob.stat().st_nlink == 2


def test_other_bytes_are_refused_and_their_link_is_gone(content: ContentStore, theirs: Path, place: Path) -> None:
    place.hardlink_to(theirs)
    other = Digest.of(b"other")
    with pytest.raises(DigestMismatch):
        content.adopt(PLACE, other)
    assert not place.exists()
    assert theirs.read_bytes() == DATA
    with pytest.raises(NotFound):
        content.check(other, len(DATA))


def writable(place: Path, theirs: Path) -> None:
    theirs.chmod(0o640)
    place.hardlink_to(theirs)


def setuid(place: Path, theirs: Path) -> None:
    theirs.chmod(0o4440)
    place.hardlink_to(theirs)


def of_another(place: Path, theirs: Path) -> None:
    os.chown(theirs, 65534, 65534)
    place.hardlink_to(theirs)


def symbolic(place: Path, theirs: Path) -> None:
    place.symlink_to(theirs)


def pipe(place: Path, _: Path) -> None:
    os.mkfifo(place, 0o440)


def folder(place: Path, _: Path) -> None:
    place.mkdir(0o550)


@pytest.mark.parametrize("put", [writable, setuid, of_another, symbolic, pipe, folder], ids=lambda put: put.__name__)
def test_what_is_unfit_is_refused(
    content: ContentStore, theirs: Path, place: Path, blob: Path, put: Callable[[Path, Path], None]
) -> None:
    put(place, theirs)
    with pytest.raises(Unfit):
        content.adopt(PLACE, DIGEST)
    assert not blob.exists()
    assert os.path.lexists(place)


def test_where_there_is_nothing(content: ContentStore) -> None:
    with pytest.raises(NotFound):
        content.adopt(PLACE, DIGEST)
    content.discard(PLACE)
    memory = ContentStore(Checked(MemoryDriver()))
    assert memory.open_ingest_folder() is None
    with pytest.raises(Unfit):
        memory.adopt(PLACE, DIGEST)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, theirs: Path) -> None:
    driver = FilesystemDriver(str(tmp_path / "storage"))
    driver.open_folder(paths.LINKED)
    place = tmp_path / "storage" / PLACE

    def appended(_: object) -> None:
        with theirs.open("ab") as file:  # root may
            file.write(b"x")

    def replaced(_: object) -> None:
        place.unlink()
        place.write_bytes(DATA)

    def gone(_: object) -> None:
        place.unlink()

    for act, error in ((appended, Unfit), (replaced, Unfit), (gone, NotFound)):
        place.unlink(missing_ok=True)
        place.hardlink_to(theirs)
        with pytest.raises(error):
            driver.adopt(PLACE, paths.blob_data(DIGEST), act)
    assert not (tmp_path / "storage" / paths.blob_data(DIGEST)).exists()


def test_an_old_link_is_dismissed_by_when_it_was_made(tmp_path: Path, theirs: Path) -> None:
    driver = FilesystemDriver(str(tmp_path / "storage"))
    driver.open_folder(paths.LINKED)
    os.utime(theirs, (1, 1))
    place = tmp_path / "storage" / PLACE
    place.hardlink_to(theirs)
    assert not driver.discard(PLACE, time.time() - 60)
    assert driver.discard(PLACE, time.time() + 60)
    assert not driver.discard(PLACE)
    assert place.parent.is_dir()
    assert theirs.read_bytes() == DATA


def test_nobody_else_can_put_anything_in(content: ContentStore, place: Path) -> None:
    assert content.open_ingest_folder() is not None
    for folder in place.parents[:4]:
        assert folder.stat().st_mode & 0o027 == 0
