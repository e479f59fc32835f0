"""What the bench says at the end: tables for people, JSON for programs."""

import dataclasses
import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

from tests.bench.compare import Measured, Plan
from tests.bench.flat import Flat
from tests.bench.rows import FLAT_LIMIT, MEMORY_LIMIT, ROWS, Row

BEGIN = "<!-- results: written by `python -m tests.bench --write-docs` -->"
END = "<!-- end of results -->"

REQUIRED = ("reference", "before")
"""The peers against which targets are set."""

NO_SLOWER = 0.97
"""Of the rate of the commit before, in every row."""


def _asked(peer: Measured) -> tuple[Row, ...]:
    """The rows, with what ours must reach against this peer."""
    if peer.kind.name == "before":
        return tuple(dataclasses.replace(row, throughput=NO_SLOWER, cpu=None, p99_ms=None) for row in ROWS)
    return ROWS


def machine() -> str:
    """The processor, cores, memory and kernel that this ran on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def markdown(
    plan: Plan,
    records: list[Measured],
    disk_rates: list[float],
    alone: list[Measured],
    flat: list[Flat],
    absent: list[str],
) -> str:
    """All results as Markdown."""
    ours, *peers = records
    versions = ", ".join(f"{record.kind.title} {record.kind.version}" for record in records)
    how = f"median of {plan.rounds} rounds of {plan.seconds:g} s each, in turns"
    parts = [f"Machine: {machine()}.\nVersions: {versions}.\nEach figure: {how}."]
    parts += absent
    for peer in peers:
        parts += [
            f"### Against {peer.kind.title} {peer.kind.version}",
            comparison(ours, peer, _asked(peer), targets=peer.kind.name in REQUIRED),
            failures(peer),
        ]
    parts.append(failures(ours))
    if disk_rates:
        parts.append(_disk(disk_rates))
    if ours.rows:
        parts += ["### Memory", _memory(alone, records)]
    if flat:
        parts += ["### Flat cost", _flat(flat)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _disk(rates: list[float]) -> str:
    return (
        f"The disk alone: four writers of files of 64 MiB, past the page cache and fsynced, did {min(rates):.2f} to "
        f"{max(rates):.2f} GB/s (median {statistics.median(rates):.2f}), in the same turns as the pushes of 64 MiB."
    )


def _table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def comparison(ours: Measured, peer: Measured, rows: tuple[Row, ...], *, targets: bool) -> str:
    """The table of these rows; `targets`: with what ours must reach."""
    head = ["work", "clients", "ours /s", "peer /s", "ratio", "at least", "p99 ms", "peer", "ratio"]
    head += ["CPU ms", "peer", "ratio", "at most", "met"]
    shared = [row for row in rows if row.name in ours.rows and row.name in peer.rows]
    return _table(head, [_line(row, ours, peer, targets) for row in shared])


def _line(row: Row, ours: Measured, peer: Measured, targets: bool) -> list[str]:
    cells = [row.title, str(row.clients)]
    unit = " GB" if row.big else ""
    rate, rate_peer = _pair(row, ours, peer, "throughput")
    wait, wait_peer = _pair(row, ours, peer, "p99")
    cpu, cpu_peer = _pair(row, ours, peer, "cpu")
    cells += [_number(rate) + unit, _number(rate_peer) + unit, f"{rate / rate_peer:.2f}x"]
    cells.append(f"{row.throughput:g}x" if targets and row.throughput else "")
    bound = f" (at most {row.p99_ms:g})" if targets and row.p99_ms else ""
    cells += [_number(wait) + bound, _number(wait_peer), f"{wait / wait_peer:.2f}x"]
    cells += [_number(cpu * 1000), _number(cpu_peer * 1000), f"{cpu / cpu_peer:.2f}x"]
    cells.append(f"{row.cpu:g}x" if targets and row.cpu else "")
    cells.append(("yes" if met(row, ours, peer) else "**no**") if targets else "")
    return cells


def met(row: Row, ours: Measured, peer: Measured) -> bool:
    """Whether ours reaches what the row asks against this peer."""
    rate, rate_peer = _pair(row, ours, peer, "throughput")
    cpu, cpu_peer = _pair(row, ours, peer, "cpu")
    wait, _ = _pair(row, ours, peer, "p99")
    fast = rate >= (row.throughput or 0) * rate_peer and (row.p99_ms is None or wait <= row.p99_ms)
    return fast and (row.cpu is None or cpu <= row.cpu * cpu_peer)


def _pair(row: Row, ours: Measured, peer: Measured, figure: str) -> tuple[float, float]:
    left, right = (record.median(row.name, lambda sample: float(getattr(sample, figure))) for record in (ours, peer))
    assert left is not None
    assert right is not None
    return left, right or float("nan")


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def failures(record: Measured) -> str:
    """A line for each row that has no result, and why."""
    return "\n".join(f"{record.kind.title} has no result for `{row}`: {why}." for row, why in record.failures.items())


def _memory(alone: list[Measured], records: list[Measured]) -> str:
    head = [
        "registry",
        "idle, MB",
        "idle, shared pages once, MB",
        "peak over all rows, MB",
        f"under {MEMORY_LIMIT // 10**6} MB",
    ]
    lines = []
    for record in [*alone, *records]:
        figures = (record.idle.resident, record.idle.proportional, record.peak)
        fits = ("yes" if record.peak < MEMORY_LIMIT else "**no**") if record in alone else ""
        lines.append([record.kind.title, *(f"{figure / 1e6:.1f}" for figure in figures), fits])
    return _table(head, lines)


def _flat(flat: list[Flat]) -> str:
    head = ["work", "small /s", "large /s", "small / large", "CPU us small", "large", "large / small", "at most", "met"]
    lines = []
    for result in flat:
        (rate, _, cpu), (rate_large, _, cpu_large) = result.small, result.large
        cells = [result.row.title, _number(rate), _number(rate_large), f"{result.slower:.2f}x"]
        cells += [_number(cpu * 1e6), _number(cpu_large * 1e6), f"{result.dearer:.2f}x", f"{FLAT_LIMIT}x"]
        lines.append([*cells, "yes" if max(result.slower, result.dearer) <= FLAT_LIMIT else "**no**"])
    return _table(head, lines)


def as_json(plan: Plan, records: list[Measured], flat: list[Flat]) -> str:
    """Every sample of every row of these records."""
    return json.dumps(
        {
            "machine": machine(),
            "seconds": plan.seconds,
            "rounds": plan.rounds,
            "registries": [_record(record) for record in records],
            "flat": [{"row": item.row.name, "small": item.small, "large": item.large} for item in flat],
        },
        indent=1,
    )


def _record(record: Measured) -> dict[str, Any]:
    return {
        "name": record.kind.name,
        "version": record.kind.version,
        "idle": record.idle._asdict(),
        "rows": {name: [dataclasses.asdict(sample) for sample in samples] for name, samples in record.rows.items()},
        "failures": record.failures,
    }


def write_docs(path: Path, text: str) -> None:
    """Put the results between the two marks of the page."""
    page = path.read_text()
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise RuntimeError(f"{path} lacks the marks around the results")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def all_met(records: list[Measured], alone: list[Measured], flat: list[Flat]) -> bool:
    """Whether no row failed and every target was reached."""
    ours, *peers = records
    required = [record for record in records if record is ours or record.kind.name in REQUIRED]
    if any(record.failures for record in required) or any(max(f.slower, f.dearer) > FLAT_LIMIT for f in flat):
        return False
    for peer in peers:
        shared = [row for row in _asked(peer) if row.name in ours.rows and row.name in peer.rows]
        if peer.kind.name in REQUIRED and not all(met(row, ours, peer) for row in shared):
            return False
    return all(record.peak < MEMORY_LIMIT for record in alone)
