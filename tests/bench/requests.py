"""Counts the requests to the bucket that pushes and pulls cost ours and the reference, through a proxy."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.bench import seed
from tests.bench.compare import Plan
from tests.bench.seed import Client
from tests.bench.servers import Kind, Server
from tests.s3.proxy import FaultProxy

Counts = list[tuple[str, list[Counter[str]]]]
"""For each work, the operations of each registry."""

QUIET = 4.0  # seconds after the start until what a start does is over
SMALL, BIG = random.Random(1).randbytes(20_000), random.Random(2).randbytes(32 << 20)
IN_SMALL, IN_BIG = (f"/v2/counted/blobs/{seed.digest_of(data)}" for data in (SMALL, BIG))

WORK: tuple[tuple[str, Callable[[Client], object]], ...] = (
    ("push of a blob of 20 kB", lambda client: seed.push_blob(client, "counted", SMALL)),
    ("push of a blob of 32 MiB, in one body", lambda client: seed.push_blob(client, "counted", BIG)),
    ("HEAD of a blob", lambda client: client.must(200, "HEAD", IN_SMALL)),
    ("pull of a blob of 20 kB", lambda client: client.must(200, "GET", IN_SMALL)),
    ("pull of a blob of 32 MiB", lambda client: client.must(200, "GET", IN_BIG)),
    ("push of an image of a config and a layer", lambda client: seed.push_image(client, "image", "v1")),
    ("pull of a manifest by tag", lambda client: client.must(200, "GET", "/v2/image/manifests/v1")),
    ("tags/list of one tag", lambda client: client.must(200, "GET", "/v2/image/tags/list")),
    ("catalog of two repositories", lambda client: client.must(200, "GET", "/v2/_catalog")),
)


@contextmanager
def counting(endpoint: str) -> Iterator[FaultProxy]:
    """A proxy in front of the S3 server that counts."""
    with FaultProxy(endpoint) as proxy:
        yield proxy


def count(plan: Plan, kinds: list[Kind], proxy: FaultProxy) -> Counts:
    """Do each work once on each registry, and count what reaches the S3 server before the answer does."""
    found: Counts = [(what, []) for what, _ in WORK]
    for number, kind in enumerate(kinds):
        plan.say(f"{kind.name}: counting requests to the bucket")
        server = Server(kind, plan.folder / f"{kind.name}-counted", plan.first_port + 15 + number)
        try:
            time.sleep(QUIET)
            client = Client(server.address)
            for (_, counts), (_, work) in zip(found, WORK, strict=True):
                before = Counter(proxy.calls)
                work(client)
                counts.append(Counter(proxy.calls) - before)
        finally:
            server.discard()
    return found


def markdown(counts: Counts) -> str:
    """The table."""
    lines = ["| work | ours | requests | reference | requests |", "| --- | ---: | --- | ---: | --- |"]
    for what, (ours, reference) in counts:
        cells = (what, str(ours.total()), _listed(ours), str(reference.total()), _listed(reference))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{many} {name}" for name, many in sorted(counter.items())) or "none"
