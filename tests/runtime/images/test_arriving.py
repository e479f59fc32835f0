"""A blob that is read while it comes in: what comes, its end, and what was not its beginning."""

import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from runtime.images.arriving import Arriving, Gone


def never() -> None:
    """Nobody stops."""


def opened(path: Path, data: bytes) -> BinaryIO:
    with path.open("ab") as file:
        file.write(data)
    return cast(BinaryIO, path.open("rb", buffering=0))


def test_what_comes_is_read_and_the_end_is_told_when_all_is_verified(tmp_path: Path) -> None:
    arriving, read = Arriving(never), [b""]

    def reading() -> None:
        incoming = arriving.opened()
        assert incoming is not None
        while data := incoming.read(3):
            read[0] += data
        read.append(b"the end")

    reader = threading.Thread(target=reading)
    reader.start()
    arriving.begin(opened(tmp_path / "data", b"abcd"), 4)
    opened(tmp_path / "data", b"efg").close()
    arriving.grown(6)
    reader.join(0.3)
    assert read == [b"abcdef"]
    arriving.grown(7)
    reader.join(0.3)
    assert read == [b"abcdefg"]
    arriving.over()
    reader.join()
    assert read == [b"abcdefg", b"the end"]
    arriving.close()


def test_another_attempt_goes_on_and_another_file_is_something_else(tmp_path: Path) -> None:
    arriving = Arriving(never)
    arriving.begin(opened(tmp_path / "data", b"abcd"), 4)
    incoming = arriving.opened()
    assert incoming is not None
    assert incoming.read(2) == b"ab"
    arriving.begin(opened(tmp_path / "data", b"ef"), 6)
    assert (incoming.read(9), arriving.is_other) == (b"cdef", False)
    (tmp_path / "data").unlink()
    arriving.begin(opened(tmp_path / "data", b"abcdefghi"), 9)
    assert arriving.is_other
    with pytest.raises(Gone):
        incoming.read(1)
    arriving.close()


def test_what_fails_has_no_end(tmp_path: Path) -> None:
    arriving = Arriving(never)
    arriving.begin(opened(tmp_path / "data", b"abcd"), 4)
    incoming = arriving.opened()
    assert incoming is not None
    arriving.failed()
    with pytest.raises(Gone):
        incoming.read(4)
    assert arriving.opened() is None
    arriving.close()


def test_whoever_waits_can_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Arriving(stop).opened()
