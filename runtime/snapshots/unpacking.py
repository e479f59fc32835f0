"""Unpacking a layer: decompressed, hashed and applied in one pass, and kept only if its digest is as it should be."""

from __future__ import annotations

from typing import BinaryIO

from runtime.snapshots.apply.applier import apply
from runtime.snapshots.apply.file_workers import FileWorkers
from runtime.snapshots.compression import decompressed
from runtime.snapshots.errors import DiffMismatch
from runtime.snapshots.limits import Limits
from runtime.snapshots.marks import Marks
from runtime.snapshots.merged import Merged
from runtime.snapshots.pump import Pump
from runtime.snapshots.snapshots import Progress
from runtime.snapshots.tar.reader import TarReader
from runtime.snapshots.tar.source import Source
from runtime.snapshots.writeback import Writeback
from storage.digest import Digest, hasher


def unpack(
    tree: int,
    below: Merged | None,
    diff_id: str,
    layer: BinaryIO,
    *,
    marks: Marks,
    limits: Limits,
    told: Progress | None,
    held: int,
) -> None:
    """Unpack into an empty folder, over what is below it; `held` is a lock that is kept while any process works there.

    Raises DiffMismatch, InvalidLayer and its kind.
    """
    digest = Digest.parse(diff_id)
    pump = Pump(decompressed(layer, limits, told), hasher(digest.algorithm))
    try:
        with Writeback(tree) as writeback, FileWorkers(tree, held) as workers:
            source = Source(writeback.behind(iter(pump)))
            apply(TarReader(source, limits), tree, below, marks, limits, workers)
            source.drain()
    finally:
        pump.close()
    if pump.hash.hexdigest() != digest.hex:
        raise DiffMismatch(diff_id, f"{digest.algorithm}:{pump.hash.hexdigest()}")
