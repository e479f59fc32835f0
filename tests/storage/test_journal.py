"""Small files whose bytes are safe in the journal before they are files: what a power cut leaves, and what fails."""

import errno
import gc
import os
import shutil
from pathlib import Path

import pytest

from storage.drivers import journal
from storage.drivers.filesystem import FilesystemDriver
from storage.errors import NotFound

FILES = [(f"docker/registry/v2/blobs/sha256/a{place}/a{place}b/data", b"%d" % place * 2000) for place in range(5)]


def _cut(root: Path) -> None:
    """What a power cut may do: no file that was not synced has its bytes, or is there at all."""
    for place, (path, _) in enumerate(FILES):
        file = root / path
        if place == 0:
            file.write_bytes(b"")
        elif place < 4:
            shutil.rmtree(file.parent)


def _holds_all(driver: FilesystemDriver) -> bool:
    return all(driver.read(path, 1 << 20) == data for path, data in FILES)


def _journals(root: Path) -> list[Path]:
    return list((root / ".journal").iterdir())


def test_what_a_power_cut_took_is_stored_again(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    assert driver.put_group(FILES[:2]) == [None, None]
    assert driver.put_group(FILES[2:]) == [None, None, None]
    del driver  # its lock goes with it
    _cut(tmp_path)
    assert _holds_all(FilesystemDriver(str(tmp_path)))
    assert _journals(tmp_path) == []


def test_full_disk_is_no_reason_not_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has no room for is not missed, which would be taken for damage, but not to be had for now."""
    driver = FilesystemDriver(str(tmp_path))
    driver.put_group(FILES)
    del driver
    _cut(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(FilesystemDriver, "_fill", _fail)
        again = FilesystemDriver(str(tmp_path))
        for path, _ in FILES[:4]:
            with pytest.raises(OSError, match="could not be stored yet"):
                again.stat(path)
            with pytest.raises(OSError, match="could not be stored yet"):
                again.open(path)
        with pytest.raises(NotFound):
            again.stat("docker/registry/v2/blobs/sha256/dd/ddd/data")
    assert again.read(FILES[4][0], 1 << 20) == FILES[4][1]
    assert again.put_group([("docker/registry/v2/blobs/sha256/ee/eee/data", b"room")]) == [None]
    assert _holds_all(again)
    assert len(_journals(tmp_path)) == 1, "its own"


def test_half_written_file_is_removed(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    driver.put_group(FILES)
    half = (tmp_path / FILES[0][0]).with_name(".data")
    half.write_bytes(b"half")
    assert driver.put_group(FILES[:1]) == [None]
    del driver
    assert _holds_all(FilesystemDriver(str(tmp_path)))
    assert not half.exists()


def test_journal_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    driver.put_group(FILES)
    assert len(_journals(tmp_path)) == 1
    _cut(tmp_path)
    other = FilesystemDriver(str(tmp_path))
    assert not any(Path(other.local_path(path)).exists() for path, _ in FILES[1:4])
    del driver
    assert _holds_all(FilesystemDriver(str(tmp_path)))


def test_torn_group_is_not_believed(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    driver.put_group(FILES[:2])
    driver.put_group(FILES[2:])
    [kept] = _journals(tmp_path)
    data = bytearray(kept.read_bytes())
    data[-1] ^= 1
    kept.write_bytes(data)
    del driver
    for path, _ in FILES:
        shutil.rmtree((tmp_path / path).parent)
    again = FilesystemDriver(str(tmp_path))
    there = [Path(again.local_path(path)).exists() for path, _ in FILES]
    assert there == [True, True, True, True, False]


def test_synced_journal_is_written_over_and_never_stored_again(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    driver.put_group(FILES)
    driver.sync()
    assert driver.put_group(FILES[:1]) == [None]
    assert len(_journals(tmp_path)) == 1
    del driver
    _cut(tmp_path)
    again = FilesystemDriver(str(tmp_path))
    there = [Path(again.local_path(path)).exists() for path, _ in FILES]
    assert there == [True, False, False, False, True], "only what came after the sync is in the journal"


def test_sync_that_fails_keeps_the_journal_and_the_next_stores_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = FilesystemDriver(str(tmp_path))
    driver.put_group(FILES)
    with monkeypatch.context() as patched:
        patched.setattr(driver, "_sync_all", _fail)
        with pytest.raises(OSError, match="Input/output"):
            driver.sync()
    driver.put_group([("docker/registry/v2/blobs/sha256/bb/bbb/data", b"later")])
    _cut(tmp_path)
    driver.sync()
    assert _holds_all(driver)
    assert len(_journals(tmp_path)) == 1, "one to write over, the other is gone"


def test_group_whose_journal_fails_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FilesystemDriver(str(tmp_path))
    driver.put_group(FILES[:2])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _fail)
        found = driver.put_group(FILES[2:])
    assert [getattr(error, "errno", None) for error in found] == [errno.EIO] * 3
    assert not any(Path(driver.local_path(path)).exists() for path, _ in FILES[2:])
    assert driver.put_group(FILES[2:]) == [None] * 3
    del driver, found
    gc.collect()  # errors remember who raised them
    _cut(tmp_path)
    assert _holds_all(FilesystemDriver(str(tmp_path))), "the first group is safe in a journal that failed later"


def _fail(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_large_files_are_no_part_of_it(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    large = ("docker/registry/v2/blobs/sha256/cc/ccc/data", b"x" * (journal.LARGEST + 1))
    assert driver.put_group([FILES[0], large, FILES[1]]) == [None] * 3
    [kept] = _journals(tmp_path)
    assert kept.stat().st_size < journal.LARGEST
    assert driver.read(large[0], 1 << 20) == large[1]


@pytest.mark.parametrize("most", [3000, 500])
def test_journal_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """In the background, and at once when that does not keep up."""
    monkeypatch.setattr("storage.drivers.filesystem.MOST", most)
    driver = FilesystemDriver(str(tmp_path))
    for _ in range(50):
        assert driver.put_group(FILES[:1]) == [None]
    driver.sync()
    assert sum(file.stat().st_size for file in _journals(tmp_path)) <= 5 * most + 4000
