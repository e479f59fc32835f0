"""What a layer takes on the disk: found out once, and written down beside it."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

from runtime.snapshots import paths
from runtime.snapshots.store import Aside
from runtime.snapshots.usage import counts_at_once, usage
from runtime.syscall.durability import syncfs


def sync_and_measure(aside: Aside) -> None:
    """Have all of it on the disk; how much that is is found out, where it can be, while the disk is waited for."""
    with ThreadPoolExecutor(1, thread_name_prefix="sync") as threads:
        synced = threads.submit(syncfs, aside.descriptor)
        if counts_at_once(aside.descriptor):
            measure(aside.path)
        synced.result()


def measure(folder: str) -> int:
    """What a layer takes, written down for those that ask again."""
    size = usage(f"{folder}/{paths.TREE}")
    with contextlib.suppress(FileExistsError), open(f"{folder}/{paths.SIZE}", "x", encoding="ascii") as file:
        file.write(str(size))
    return size
