"""Ours over PostgreSQL beside ours over SQLite: what the network and the other database cost."""

from dataclasses import replace
from pathlib import Path

from tests.bench import compare, servers
from tests.bench.compare import Plan
from tests.bench.rows import ROWS
from tests.bench.section import Section
from tests.bench.servers import Kind
from tests.postgres.server import Cluster

WITHIN = 0.5  # of the rate of SQLite
NAMES = ("manifest-tag", "manifest-digest", "manifest-head", "blob-head", "image-push", "tags-page", "catalog-page")
POSTGRES_ROWS = tuple(replace(row, throughput=WITHIN, cpu=None) for row in ROWS if row.name in NAMES)


def run(plan: Plan) -> Section:
    """Measure both in turns; PostgreSQL is a cluster of the bench's own, with fsync on."""
    cluster = Cluster({"fsync": "on"})
    try:
        cluster.start()
        kinds = [_on(cluster), servers.ours()]
        records = compare.compare(replace(plan, first_port=plan.first_port + 4), kinds, list(POSTGRES_ROWS))
    finally:
        cluster.remove()
    note = "PostgreSQL runs on the same machine and shares its cores; its CPU time is not counted."
    return Section("PostgreSQL: against SQLite", note, POSTGRES_ROWS, records)


def _on(cluster: Cluster) -> Kind:
    base = servers.ours()

    def command(root: Path, address: str) -> list[str]:
        settings = root / "entrepot.toml"
        if not settings.exists():
            settings.write_text(f'[database]\nurl = "{cluster.empty_database()}"\n')
        return [*base.command(root, address), "--config", str(settings)]

    return Kind("ours-postgres", "entrepot on PostgreSQL", base.version, command)
