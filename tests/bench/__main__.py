"""`python -m tests.bench`: measure ours and the peers, print the ratios, keep the results."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.bench import build, compare, flat, parts, report, rows, seed, servers
from tests.bench.apart import keep_apart

DOCS = servers.ROOT / "docs" / "benchmarks.md"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--rows", default="", help="rows to run, comma separated (all: " + ", ".join(_row_names()) + ")"
    )
    parser.add_argument("--peers", default="reference", help="peers, comma separated: reference, debian, zot; or none")
    parser.add_argument(
        "--before", default="", metavar="REVISION", help="measure also what the project was at this commit"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement (5)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each row and registry (3)")
    parser.add_argument(
        "--quick", action="store_true", help="little data, one round of one second: a trial, not a result"
    )
    for name, what in parts.PARTS.items():
        parser.add_argument(f"--{name}", choices=("with", "without", "only"), default="with", help=what)
    parser.add_argument("--without-ours", action="store_true", help="measure the peers alone")
    parser.add_argument(
        "--reference", default="", metavar="BINARY", help="the reference registry, instead of building it"
    )
    parser.add_argument("--zot", default="", metavar="BINARY", help="zot, instead of building it")
    parser.add_argument(
        "--work",
        default="",
        metavar="DIR",
        help="where data is kept meanwhile: a folder on the disk to measure (.cache/bench)",
    )
    parser.add_argument("--port", type=int, default=5120, help="the first of 20 ports to use (5120)")
    parser.add_argument("--output", default="", metavar="DIR", help="where results go (.cache/bench/results)")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/benchmarks.md")
    return parser.parse_args()


def _row_names() -> list[str]:
    return [row.name for row in rows.ROWS]


def main() -> int:
    """Run the bench; 1 when a row failed or a target of the reference comparison was missed."""
    options = arguments()
    wanted = parts.wanted(options)
    chosen = rows.chosen(options.rows) if "rows" in wanted else []
    kinds, absent = _kinds(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are ended on the way out
    build.CACHE.mkdir(parents=True, exist_ok=True)
    work = Path(options.work) if options.work else build.CACHE
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=work, ignore_cleanup_errors=True) as folder:
        keep_apart(Path(folder))
        plan = compare.Plan(
            generator=build.load_generator(),
            folder=Path(folder),
            seconds=1.0 if options.quick else options.seconds,
            rounds=1 if options.quick else options.rounds,
            amounts=seed.QUICK if options.quick else seed.Amounts(),
            first_port=options.port,
            say=_progress(),
        )
        disk_rates: list[float] = []
        records = compare.compare(plan, kinds, chosen, disk_rates)
        alone = _alone(plan, chosen) if chosen and not options.without_ours else []
        scale = flat.QUICK_LARGE if options.quick else flat.LARGE
        flats = flat.run(plan, kinds[0], scale) if "flat" in wanted else []
        more = parts.run(plan, wanted, options.reference, absent)
    text = report.markdown(plan, records, disk_rates, alone, flats, absent) + more.text
    print(f"\n{text}")
    output = Path(options.output) if options.output else build.CACHE / "results"
    output.mkdir(parents=True, exist_ok=True)
    (output / "bench.md").write_text(text)
    (output / "bench.json").write_text(report.as_json(plan, records + more.records, flats))
    if options.write_docs:
        report.write_docs(DOCS, text)
    return 0 if report.all_met(records, alone, flats) and more.met else 1


def _alone(plan: compare.Plan, chosen: list[rows.Row]) -> list[compare.Measured]:
    """Ours with one worker, under the same load for a moment, for its memory."""
    return compare.compare(replace(plan, rounds=1, seconds=min(2.0, plan.seconds)), [servers.ours(1)], chosen)


def _kinds(options: argparse.Namespace) -> tuple[list[servers.Kind], list[str]]:
    """Ours and the peers that can be had, and a sentence for each that cannot."""
    kinds = [] if options.without_ours else [servers.ours()]
    if options.before and not options.without_ours:
        kinds.append(servers.before(build.source(options.before)))
    absent = []
    makers: dict[str, Callable[[], servers.Kind]] = {
        "reference": lambda: servers.reference(build.reference(options.reference)),
        "debian": lambda: servers.debian(build.debian()),
        "zot": lambda: servers.zot(build.zot(options.zot)),
    }
    for name in options.peers.split(","):
        if name in ("", "none") or "rows" not in parts.wanted(options):
            continue
        if name not in makers:
            sys.exit(f"no peer named {name}: known are {', '.join(makers)}")
        try:
            kinds.append(makers[name]())
        except build.CannotBuild as missing:
            absent.append(f"Not measured: {name}: {missing}")
    return kinds, absent


def _progress() -> Callable[[str], None]:
    begin = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begin:6.1f} s] {text}", flush=True)

    return say


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (servers.DoesNotServe, compare.NoRoom, build.CannotBuild, rows.UnknownRow) as wrong:
        sys.exit(f"bench: {wrong}")
