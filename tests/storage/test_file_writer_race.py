"""A partial file made by one process and written by another before the first has locked it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from storage.drivers import file_writer
from storage.drivers.folders import Folders
from storage.drivers.root import RootFolder
from storage.errors import Exists


def test_a_file_written_before_its_maker_locked_it_is_not_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data"
    folders = Folders(RootFolder(str(tmp_path)))
    lock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        """What happens when the other one is quicker."""
        monkeypatch.setattr(fcntl, "flock", lock)
        other = file_writer.resume("data", None, folders)
        other.write(b"theirs")
        other.suspend()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(Exists):
        file_writer.create("data", folders)
    assert path.read_bytes() == b"theirs"
    again = file_writer.resume("data", None, folders)
    assert again.size == 6
    again.cancel()
    assert not os.path.exists(path)
