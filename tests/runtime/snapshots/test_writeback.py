"""Writing out meanwhile changes nothing of what passes, and is over with its context."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from runtime.snapshots.writeback import Writeback

PIECES = [bytes([number]) * (3 << 20) for number in range(9)]


def test_pieces_pass_and_nothing_goes_on_afterwards(tmp_path: Path) -> None:
    tree = os.open(tmp_path, os.O_RDONLY)
    before = os.listdir("/proc/self/fd")
    with Writeback(tree) as writeback:
        assert list(writeback.behind(iter(PIECES))) == PIECES
        assert writeback._thread is not None
    assert "writeback" not in {thread.name for thread in threading.enumerate()}
    assert os.listdir("/proc/self/fd") == before
    os.close(tree)
