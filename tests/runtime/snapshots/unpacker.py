"""A process that unpacks one layer: python -m tests.runtime.snapshots.unpacker DRIVER ROOT LAYER DIFF-ID."""

from __future__ import annotations

import sys

from runtime.snapshots.drivers import load

if __name__ == "__main__":
    driver, root, layer, diff_id = sys.argv[1:]
    snapshots = load(driver, root)
    print("ready", flush=True)
    sys.stdin.readline()
    with open(layer, "rb") as file:
        snapshots.unpack(None, diff_id, file)
        print(file.tell(), flush=True)
