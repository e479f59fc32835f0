"""Flat cost: what a manifest by tag and a catalog page cost in a big registry, against the same in a small one.

Both data sets are written straight into the database of a served root; there are no blob bytes behind them, and none
are read. Each manifest has a tag of its own, and blobs belong to one manifest each, as many to each as the scale says.
"""

import hashlib
import json
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from registry.metadata import models
from tests.bench import measure
from tests.bench.compare import Plan
from tests.bench.measure import Sample
from tests.bench.rows import Row
from tests.bench.seed import CONFIG, LAYER, MANIFEST
from tests.bench.servers import Kind, Server

PAGE = 10  # names in a catalog page: the small registry has 20 repositories
SAME = 100  # tags that are asked for at both scales: all that the small registry has
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Scale:
    """How many of each there are; blobs and tags are spread evenly over the repositories."""

    name: str
    blobs: int
    tags: int
    repositories: int


SMALL = Scale("small", 1_000, 100, 20)
LARGE = Scale("large", 1_000_000, 100_000, 20_000)
QUICK_LARGE = Scale("large", 20_000, 2_000, 400)

ROWS = (
    Row("flat-manifest-same", f"manifest by tag, the same {SAME} tags in both", "get", 16, "same"),
    Row("flat-manifest", "manifest by tag, at random over all tags, no request twice", "get-new", 16, "manifests"),
    Row("flat-catalog", f"catalog page of {PAGE}, at random places", "get", 16, "catalog"),
)

Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Flat:
    """One row of the result: medians at both scales."""

    row: Row
    small: tuple[float, float, float]  # requests a second, p99 in ms, CPU seconds a request
    large: tuple[float, float, float]

    @property
    def slower(self) -> float:
        """How many times fewer requests a second the large one serves."""
        return self.small[0] / self.large[0]

    @property
    def dearer(self) -> float:
        """How many times the CPU a request of the large one takes."""
        return self.large[2] / self.small[2]


def run(plan: Plan, kind: Kind, large: Scale) -> list[Flat]:
    """Build both, then measure them in turns."""
    servers: list[Server] = []
    try:
        for number, scale in enumerate((SMALL, large)):
            plan.say(
                f"flat cost: writing {scale.blobs:,} blobs, {scale.tags:,} tags, {scale.repositories:,} repositories"
            )
            servers.append(_prepared(plan, kind, scale, plan.first_port + 5 + number))
        return [_row(plan, servers, row) for row in ROWS]
    finally:
        for server in servers:
            server.discard()


def _prepared(plan: Plan, kind: Kind, scale: Scale, port: int) -> Server:
    """A frozen server over a database of this scale."""
    root = plan.folder / f"flat-{scale.name}"
    server = Server(kind, root, port)
    server.stop()  # it has made the database and its tables
    paths = plan.folder / f"flat-{scale.name}-paths"
    paths.mkdir()
    fill(root / "data" / "entrepot.db", scale, paths)
    server.start()
    server.freeze()
    return server


def _row(plan: Plan, servers: list[Server], row: Row) -> Flat:
    samples: list[list[Sample]] = [[], []]
    for _ in range(plan.rounds):
        for server, taken in zip(servers, samples, strict=True):
            server.thaw()
            paths = plan.folder / f"{server.root.name}-paths" / row.data
            sample = measure.run(plan.generator, server, row, paths, plan.seconds, 0)
            server.freeze()
            taken.append(sample)
            plan.say(
                f"{row.name}: {server.root.name}: {sample.throughput:,.0f} op/s, {sample.cpu * 1e6:,.0f} CPU us/op"
            )
    small, large = (
        (
            statistics.median(sample.throughput for sample in taken),
            statistics.median(sample.p99 for sample in taken),
            statistics.median(sample.cpu for sample in taken),
        )
        for taken in samples
    )
    return Flat(row, small, large)


def fill(database: Path, scale: Scale, paths: Path) -> None:
    """Write the rows of this scale and the files of paths to read."""
    engine = sa.create_engine(f"sqlite:///{database}")
    now = int(time.time() * 1000)
    sizes: list[int] = []
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        connection.exec_driver_sql("PRAGMA cache_size=-400000")
        for table, rows in (
            (models.repositories, _repositories(scale, now)),
            (models.blobs, _blobs(scale, now)),
            (models.repository_blobs, _members(scale, now)),
            (models.manifests, _manifests(scale, now, sizes)),
            (models.manifest_references, _references(scale)),
            (models.tags, _tags(scale, now)),
        ):
            while batch := list(islice(rows, BATCH)):
                connection.execute(sa.insert(table), batch)
            connection.commit()
    engine.dispose()
    _write_paths(scale, sizes, paths)


def _write_paths(scale: Scale, sizes: list[int], paths: Path) -> None:
    lines = [f"/v2/{repository_of(scale, number)}/manifests/v{number}\t{size}\n" for number, size in enumerate(sizes)]
    (paths / "manifests").write_text("".join(lines))
    (paths / "same").write_text("".join(random.Random(1).sample(lines, SAME)))
    starts = range(scale.repositories - PAGE)
    places = random.Random(1).sample(starts, min(2000, len(starts)))
    (paths / "catalog").write_text("".join(f"/v2/_catalog?n={PAGE}&last={repository_name(n)}\t-1\n" for n in places))


def repository_name(number: int) -> str:
    """The repository of this number, counted from 0; names sort as numbers."""
    return f"flat/{number:05}"


def repository_of(scale: Scale, tag: int) -> str:
    """The repository that a tag is in."""
    return repository_name(tag % scale.repositories)


def _blob_digest(number: int) -> str:
    return "sha256:" + hashlib.sha256(b"%d" % number).hexdigest()


def _repositories(scale: Scale, now: int) -> Rows:
    for number in range(scale.repositories):
        yield {"id": number + 1, "name": repository_name(number), "created_at": now}


def _blobs(scale: Scale, now: int) -> Rows:
    """Blobs that were verified just now, so that the background check does not look for their bytes."""
    times = {"created_at": now, "changed_at": now, "read_at": 0, "verified_at": now}
    for number in range(scale.blobs):
        yield {"id": number + 1, "digest": _blob_digest(number), "size": 1000, "state": models.PRESENT, **times}


def _members(scale: Scale, now: int) -> Rows:
    each = scale.blobs // scale.tags
    for number in range(scale.blobs):
        yield {"repository_id": number // each % scale.repositories + 1, "blob_id": number + 1, "linked_at": now}


def _manifests(scale: Scale, now: int, sizes: list[int]) -> Rows:
    for number in range(scale.tags):
        payload = _manifest(scale, number)
        sizes.append(len(payload))
        yield {
            "id": number + 1,
            "repository_id": number % scale.repositories + 1,
            "digest": "sha256:" + hashlib.sha256(payload).hexdigest(),
            "media_type": MANIFEST,
            "size": len(payload),
            "subject": None,
            "artifact_type": CONFIG,
            "annotations": "{}",
            "created_at": now,
            "payload": payload,
        }


def _manifest(scale: Scale, number: int) -> bytes:
    config, *layers = ({"mediaType": LAYER, "digest": digest, "size": 1000} for digest in _digests_of(scale, number))
    config["mediaType"] = CONFIG
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()


def _digests_of(scale: Scale, manifest: int) -> list[str]:
    each = scale.blobs // scale.tags
    return [_blob_digest(number) for number in range(manifest * each, (manifest + 1) * each)]


def _references(scale: Scale) -> Rows:
    for number in range(scale.tags):
        for position, digest in enumerate(_digests_of(scale, number)):
            yield {"manifest_id": number + 1, "kind": "layer" if position else "config", "digest": digest}


def _tags(scale: Scale, now: int) -> Rows:
    for number in range(scale.tags):
        repository = number % scale.repositories + 1
        yield {"repository_id": repository, "name": f"v{number}", "manifest_id": number + 1, "updated_at": now}
