"""What the disk takes by itself, with no registry in front of it."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

WRITERS = 4
"""As many as the rows of big pushes have clients."""

FILE = 64 << 20
PIECE = 4 << 20


def rate(folder: Path, seconds: float) -> float:
    """GB/s of writers that fill one file of 64 MiB after the other, past the page cache, and fsync each."""
    place = Path(tempfile.mkdtemp(prefix="disk-", dir=folder))
    written = [0] * WRITERS
    end = time.monotonic() + seconds

    def write(number: int) -> None:
        pages = mmap.mmap(-1, PIECE)
        with contextlib.suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
        pages.write(os.urandom(4096) * (PIECE // 4096))
        while time.monotonic() < end:
            _fill(place / f"{number}-{written[number]}", pages)
            written[number] += FILE

    begin = time.monotonic()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begin
    shutil.rmtree(place)
    os.sync()
    return sum(written) / took / 1e9


def _fill(path: Path, pages: mmap.mmap) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_DIRECT, 0o600)
    try:
        for _ in range(FILE // PIECE):
            left = memoryview(pages)
            while left:
                left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
