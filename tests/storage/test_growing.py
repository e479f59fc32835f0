"""A blob that is read while it comes in: what comes, its end, and what was not its beginning."""

import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from storage.growing import Gone, GrowingBlob


def never() -> None:
    """Nothing ends the wait."""


def opened(path: Path, data: bytes) -> BinaryIO:
    with path.open("ab") as file:
        file.write(data)
    return cast(BinaryIO, path.open("rb", buffering=0))


def test_what_comes_is_read_and_the_end_is_told_when_all_is_verified(tmp_path: Path) -> None:
    growing, read = GrowingBlob(never), [b""]

    def reading() -> None:
        incoming = growing.opened()
        assert incoming is not None
        while data := incoming.read(3):
            read[0] += data
        read.append(b"the end")

    reader = threading.Thread(target=reading)
    reader.start()
    growing.begin(opened(tmp_path / "data", b"abcd"), 4)
    opened(tmp_path / "data", b"efg").close()
    growing.grown(6)
    reader.join(0.3)
    assert read == [b"abcdef"]
    growing.grown(7)
    reader.join(0.3)
    assert read == [b"abcdefg"]
    growing.over()
    reader.join()
    assert read == [b"abcdefg", b"the end"]
    growing.close()


def test_another_attempt_goes_on_and_another_file_is_something_else(tmp_path: Path) -> None:
    growing = GrowingBlob(never)
    growing.begin(opened(tmp_path / "data", b"abcd"), 4)
    incoming = growing.opened()
    assert incoming is not None
    assert incoming.read(2) == b"ab"
    growing.begin(opened(tmp_path / "data", b"ef"), 6)
    assert (incoming.read(9), growing.is_other) == (b"cdef", False)
    (tmp_path / "data").unlink()
    growing.begin(opened(tmp_path / "data", b"abcdefghi"), 9)
    assert growing.is_other
    with pytest.raises(Gone):
        incoming.read(1)
    growing.close()


def test_what_fails_has_no_end(tmp_path: Path) -> None:
    growing = GrowingBlob(never)
    growing.begin(opened(tmp_path / "data", b"abcd"), 4)
    incoming = growing.opened()
    assert incoming is not None
    growing.failed()
    with pytest.raises(Gone):
        incoming.read(4)
    assert growing.opened() is None
    growing.close()


def test_a_reader_that_waits_can_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GrowingBlob(stop).opened()
