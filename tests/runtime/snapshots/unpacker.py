"""Unpacks one layer, with workers: python -m tests.runtime.snapshots.unpacker DRIVER ROOT LAYER DIFF-ID."""

from __future__ import annotations

import sys

from runtime.snapshots.apply import file_workers
from runtime.snapshots.drivers import load

ALONE = 100
"""Files after which workers help."""

if __name__ == "__main__":
    driver, root, layer, diff_id = sys.argv[1:]
    file_workers.WORTH = ALONE  # type: ignore[misc]
    snapshots = load(driver, root)
    print("ready", flush=True)
    sys.stdin.readline()
    with open(layer, "rb") as file:
        snapshots.unpack(None, diff_id, file)
        print(file.tell(), flush=True)
