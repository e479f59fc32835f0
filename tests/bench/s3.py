"""Ours and the reference registry over one S3 server: the juicefs gateway, which checks signatures."""

import secrets
from dataclasses import replace
from pathlib import Path

from tests.bench import compare, requests, servers
from tests.bench.compare import Plan
from tests.bench.requests import Counts
from tests.bench.rows import ROWS, Row
from tests.bench.section import Section
from tests.bench.servers import Command, Kind
from tests.s3.servers import S3Server, gateway, make_bucket

BIG = 256 << 20
TARGETS = {
    "manifest-tag": 10, "manifest-digest": 10, "manifest-head": 10, "blob-head": 10, "image-push": 3,
    "tags-page": 50, "catalog-page": 50,
}  # fmt: skip
S3_ROWS = (
    *(replace(row, throughput=TARGETS[row.name], cpu=None) for row in ROWS if row.name in TARGETS),
    Row("blob-push-256", "256 MiB blob push, POST+PATCH+PUT", "big-patch", 2, "", 1.5, big=True),
)
# As the reference's documentation has them, and no redirects, as the load generator follows none.
REFERENCE_SETTINGS = """\
version: 0.1
log:
  fields: {{service: registry}}
storage:
  cache: {{blobdescriptor: inmemory}}
  s3:
    region: {region}
    regionendpoint: {endpoint}
    forcepathstyle: true
    secure: false
    bucket: {bucket}
    accesskey: {access_key}
    secretkey: {secret_key}
  redirect: {{disable: true}}
  delete: {{enabled: true}}
http:
  addr: {address}
  headers: {{X-Content-Type-Options: [nosniff]}}
"""
OUR_SETTINGS = """\
[storage]
driver = "s3"
[s3]
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"
access_key = "{access_key}"
secret_key = "{secret_key}"
redirect = false
"""


def run(plan: Plan, binary: Path) -> tuple[Section, Counts]:
    """Measure both in turns, each server over a bucket of its own, and count their requests."""
    # Fewer tags and repositories than on files: each is pushed through both registries.
    amounts = replace(plan.amounts, big_size=BIG, many_tags=1_000, many_repositories=200)
    with gateway(plan.folder / "gateway") as server:
        kinds = [_ours(server), _reference(server, binary)]
        records = compare.compare(replace(plan, amounts=amounts, first_port=plan.first_port + 2), kinds, list(S3_ROWS))
        with requests.counting(server.endpoint) as proxy:
            through = replace(server, endpoint=proxy.endpoint, process=None)
            pair = [_ours(through), _reference(through, binary)]
            counts = requests.count(plan, pair, proxy)
    note = (
        f"Over one juicefs gateway. {amounts.many_tags:,} tags in one repository and {amounts.many_repositories} "
        "repositories, pushed through the registries. Bytes pass through both, without redirects."
    )
    return Section(f"S3: against {records[1].kind.title} {records[1].kind.version}", note, S3_ROWS, records), counts


def _ours(server: S3Server) -> Kind:
    base = servers.ours()

    def command(root: Path, address: str) -> list[str]:
        settings = _written(root / "entrepot.toml", OUR_SETTINGS, server, address)
        return [*base.command(root, address), "--config", str(settings)]

    return Kind("ours-s3", "entrepot on S3", base.version, command)


def _reference(server: S3Server, binary: Path) -> Kind:
    base = servers.reference(binary)
    return Kind("reference-s3", "distribution on S3", base.version, _distribution(server, binary))


def _distribution(server: S3Server, binary: Path) -> Command:
    def command(root: Path, address: str) -> list[str]:
        return [str(binary), "serve", str(_written(root / "config.yml", REFERENCE_SETTINGS, server, address))]

    return command


def _written(path: Path, settings: str, server: S3Server, address: str) -> Path:
    """The settings of a server, with a new bucket unless it is started again."""
    if not path.exists():
        bucket = f"bench-{secrets.token_hex(6)}"
        make_bucket(server, bucket)
        path.write_text(
            settings.format(
                bucket=bucket,
                address=address,
                endpoint=server.endpoint,
                region=server.region,
                access_key=server.access_key,
                secret_key=server.secret_key,
            )
        )
    return path
