"""Two workers beside one: what a second core is worth."""

from dataclasses import replace

from tests.bench import compare, servers
from tests.bench.compare import Plan
from tests.bench.rows import ROWS
from tests.bench.section import Section

FASTER = 1.6
WORKERS_ROWS = tuple(
    replace(row, throughput=FASTER, cpu=None) for row in ROWS if row.name in ("manifest-tag", "manifest-digest")
)


def run(plan: Plan) -> Section:
    """Measure both in turns."""
    kinds = [servers.ours(2), servers.ours(1)]
    records = compare.compare(replace(plan, first_port=plan.first_port + 6), kinds, list(WORKERS_ROWS))
    note = "The load generator needs a core as well: with two cores in all, two workers have less than two."
    return Section("Two workers: against one", note, WORKERS_ROWS, records)
