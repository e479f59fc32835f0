"""Row by row, ours and a peer in turns (A B A B), so that a drift of the machine falls on both."""

import os
import secrets
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import disk, measure, process, seed
from tests.bench.measure import RowFailed, Sample
from tests.bench.rows import Row
from tests.bench.servers import Kind, Server

NEEDED = 12 * 10**9  # bytes of disk that the pushes of one round may take
SETTLE = 2.0  # seconds after the start before idle memory is read


class NoRoom(Exception):
    """The disk is too full to measure on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is made."""

    generator: Path
    folder: Path
    seconds: float
    rounds: int
    amounts: seed.Amounts
    first_port: int
    say: Callable[[str], None]


@dataclass(slots=True)
class Measured:
    """Everything that was measured of one registry."""

    kind: Kind
    idle: process.Memory
    rows: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def median(self, row: str, of: Callable[[Sample], float]) -> float | None:
        """The median of one figure over the rounds, or None when the row has no result."""
        samples = self.rows.get(row, [])
        return statistics.median(of(sample) for sample in samples) if samples else None

    @property
    def peak(self) -> int:
        """The most resident memory that any of its servers reached in any row."""
        return max((sample.peak for samples in self.rows.values() for sample in samples), default=0)


def compare(plan: Plan, kinds: list[Kind], rows: list[Row], disk_rates: list[float] | None = None) -> list[Measured]:
    """Measure each row on each registry, and return one record for each.

    `disk_rates` is given what the disk takes by itself (GB/s), in the same turns as the pushes of big blobs.
    """
    if shutil.disk_usage(plan.folder).free < NEEDED:
        raise NoRoom(f"{plan.folder} needs {NEEDED // 10**9} GB free: name a bigger place with --work")
    servers: list[Server] = []
    try:
        for number, kind in enumerate(kinds):
            servers.append(Server(kind, plan.folder / kind.name, plan.first_port + number))
        time.sleep(SETTLE)
        records = [Measured(server.kind, server.memory()) for server in servers]
        for server, record in zip(servers, records, strict=True):
            _seed(plan, server, record, rows)
            server.freeze()
        for row in rows:
            for turn in range(plan.rounds):
                for server, record in zip(servers, records, strict=True):
                    _turn(plan, server, record, row, turn)
                if disk_rates is not None and row.big and row.writes:
                    disk_rates.append(disk.rate(plan.folder, plan.seconds))
                    plan.say(f"{row.name} {turn + 1}/{plan.rounds}: the disk alone: {disk_rates[-1]:,.2f} GB/s")
        return records
    finally:
        for server in servers:
            server.discard()


def _seed(plan: Plan, server: Server, record: Measured, rows: list[Row]) -> None:
    wanted = {row.data for row in rows if row.data}
    plan.say(f"{server.kind.name}: pushing the data")
    refused = seed.seed(server.address, wanted, plan.amounts, _paths(plan, server.kind))
    record.failures.update({row.name: refused[row.data] for row in rows if row.data in refused})


def _paths(plan: Plan, kind: Kind) -> Path:
    return plan.folder / f"{kind.name}-paths"


def _turn(plan: Plan, server: Server, record: Measured, row: Row, turn: int) -> None:
    if row.name in record.failures:
        return
    try:
        with _serving(plan, server, row) as target:
            paths = _paths(plan, server.kind) / row.data
            sample = measure.run(plan.generator, target, row, paths, plan.seconds, plan.amounts.big_size)
    except RowFailed as failed:
        record.failures[row.name] = str(failed)
        record.rows.pop(row.name, None)
        plan.say(f"{row.name}: {server.kind.name}: failed: {failed}")
        return
    record.rows.setdefault(row.name, []).append(sample)
    unit = "GB" if row.big else "op"
    plan.say(
        f"{row.name} {turn + 1}/{plan.rounds}: {server.kind.name}: {sample.throughput:,.2f} {unit}/s, "
        f"p99 {sample.p99:,.2f} ms, {sample.cpu * 1000:,.3f} CPU ms/{unit}, {sample.cores:.2f} cores"
    )


@contextmanager
def _serving(plan: Plan, server: Server, row: Row) -> Iterator[Server]:
    """The server with the data, or for rows that write an empty one whose bytes go afterwards."""
    if not row.writes:
        server.thaw()
        try:
            yield server
        finally:
            server.freeze()
        return
    empty = Server(server.kind, plan.folder / f"{server.kind.name}-empty-{secrets.token_hex(4)}", server.port + 10)
    try:
        yield empty
    finally:
        if row.big:
            empty.discard()
        else:
            # Many small files go with the plan's folder: ext4 passes over each inode that was deleted in the last
            # minutes when it makes a new one, so that the next round would pay for the removal of this one.
            empty.stop()
            os.sync()
