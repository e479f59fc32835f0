"""Pieces that are made in another thread."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator

import pytest

from runtime.snapshots.pump import Pump
from storage.digest import hasher


def _told(pieces: Iterable[bytes], waits: threading.Event) -> Iterator[bytes]:
    for piece in pieces:
        waits.set()
        yield piece


def test_an_interrupt_that_the_other_thread_is_given_ends_the_wait() -> None:
    waits, go_on = threading.Event(), threading.Event()
    waited: list[bool] = []

    def pieces() -> Iterator[bytes]:
        yield b"first"
        other = threading.current_thread().ident
        assert other is not None
        waits.wait()
        time.sleep(0.3)
        signal.pthread_kill(other, signal.SIGINT)
        waited.append(go_on.wait(20))
        yield b"second"

    pump = Pump(pieces(), hasher("sha256"))
    try:
        with pytest.raises(KeyboardInterrupt):
            deque(_told(pump, waits), 0)
    finally:
        go_on.set()
        pump.close()
    assert waited == [True], "the wait ended only with the next piece"
