"""Manifests and lists of referrers as attackers make them: others are served, answers end, memory is given back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.protocol.client import Client
from tests.protocol.content import (
    OCI_EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    Repository,
    descriptor,
    image_document,
    new_repository,
    next_page,
)
from tests.protocol.server import Server, running, wait_until

MIB = 1 << 20
LARGE = 4 * MIB

OTHERS_WAIT = 2.5
"""Seconds that another client may wait at most, on a machine that does other things too. They were up to 6.6."""

REMAINS = 56 * MIB
"""That a worker may have more than before: full caches of pages (16 MiB for each connection), and what is of use again.
It was 150."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("large"), {"ENTREPOT_SERVER_WORKERS": "1"}) as started:
        yield started


@pytest.fixture
def repository(server: Server) -> Iterator[Repository]:
    yield new_repository(server.client)
    server.client.close()


def resident(server: Server) -> int:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def slowest_health(server: Server, attack: Callable[[], None]) -> float:
    """Seconds that the slowest health check took while the attack went on."""
    client, over = Client("127.0.0.1", server.port), threading.Event()

    def check() -> float:
        slowest = 0.0
        while not over.is_set():
            started = time.monotonic()
            assert client.get("/healthz").status == 200
            slowest = max(slowest, time.monotonic() - started)
            over.wait(0.01)
        client.close()
        return slowest

    with ThreadPoolExecutor(1) as pool:
        checking = pool.submit(check)
        try:
            attack()
        finally:
            over.set()
        return checking.result()


def index_of(entries: bytes, more: bytes) -> Manifest:
    """An index of exactly 4 MiB."""
    head = b'{"schemaVersion":2,"mediaType":"%s","manifests":[%s],%s,"y":"' % (OCI_INDEX.encode(), entries, more)
    return Manifest(head + b"z" * (LARGE - len(head) - 2) + b'"}', OCI_INDEX)


def child(number: int) -> bytes:
    return b'{"mediaType":"%s","digest":"sha256:%064x","size":1}' % (OCI_MANIFEST.encode(), number)


NOTHING = b",".join([b"[]"] * 1_300_000)
DEEP = b"[" * 30 + b",".join([b"{}"] * 1_200_000) + b"]" * 30
VALUES = b",".join([b'{"a":0}'] * 60_000)
TEXTS = b",".join(b'"%d"' % number for number in range(190_000))

SHAPES = {
    "nothing": (b"", b'"x":[%s]' % NOTHING, 400),
    "deep": (b"", b'"x":%s' % DEEP, 400),
    "values": (b"", b'"x":[%s]' % VALUES, 201),
    "texts": (b"", b'"x":[%s]' % TEXTS, 201),
    "children": (b",".join(child(number) for number in range(10_000)), b'"x":0', 201),
    "too many children": (b",".join(child(number) for number in range(27_000)), b'"x":0', 400),
}


def test_manifests_of_every_shape(server: Server, repository: Repository) -> None:
    """Four of each at once; the memory they took is given back when they are gone."""

    def push(place: int, manifest: Manifest, expected: int) -> None:
        client = Client("127.0.0.1", server.port)
        response = repository.at(client).put(f"t{place}", manifest)
        client.close()
        assert response.status == expected, response
        if expected == 400:
            assert response.code == "MANIFEST_INVALID"

    repository.tag("first", repository.image())
    before = resident(server)

    def attack() -> None:
        with ThreadPoolExecutor(4) as pool:
            for entries, more, expected in SHAPES.values():
                manifest = index_of(entries, more)
                for done in [pool.submit(push, place, manifest, expected) for place in range(4)]:
                    done.result()
            for place in range(4):
                assert repository.client.get(repository.manifest(f"t{place}")).status == 200

    assert slowest_health(server, attack) < OTHERS_WAIT
    wait_until(
        lambda: resident(server) < before + REMAINS,
        20,
        lambda: f"{resident(server) // MIB} MiB, before {before // MIB}",
        0.5,
    )


def test_referrers_of_many_megabytes(server: Server, repository: Repository) -> None:
    """40 referrers of nearly 2 MiB each: pages of at most 4 MiB, to the last one; others are served meanwhile."""
    subject = repository.tag("latest", repository.image())
    repository.push(b"{}")
    empty = descriptor(b"{}", OCI_EMPTY)
    pushed = set()
    for number in range(40):
        more = {"subject": subject.descriptor(), "annotations": {"n": f"{number}" + "\u0416" * (LARGE // 4)}}
        document = image_document(empty, [empty], **more)
        manifest = Manifest(json.dumps(document, ensure_ascii=False).encode(), OCI_MANIFEST)
        assert repository.put(manifest.digest, manifest).status == 201
        pushed.add(manifest.digest)
    before = resident(server)

    def walk(client: Client) -> set[str]:
        found: set[str] = set()
        target: str | None = f"/v2/{repository.name}/referrers/{subject.digest}"
        while target is not None:
            page = client.get(target)
            assert page.status == 200
            assert len(page.body) <= LARGE
            found |= {entry["digest"] for entry in page.json()["manifests"]}
            target = next_page(page)
        client.close()
        return found

    def attack() -> None:
        with ThreadPoolExecutor(4) as pool:
            walks = [pool.submit(walk, Client("127.0.0.1", server.port)) for _ in range(4)]
            assert all(each.result() == pushed for each in walks)

    assert slowest_health(server, attack) < OTHERS_WAIT
    wait_until(
        lambda: resident(server) < before + REMAINS,
        20,
        lambda: f"{resident(server) // MIB} MiB, before {before // MIB}",
        0.5,
    )


def test_a_fallback_index_of_thousands(server: Server, repository: Repository) -> None:
    """It is read at its push and not again: a list costs what it shows."""
    subject = repository.tag("latest", repository.image())
    kept = repository.artifact(None, "text/kept")
    assert repository.put(kept.digest, kept).status == 201
    own = json.dumps(kept.descriptor()).encode()
    entries = b",".join([own, *(child(number) for number in range(9_999))])
    repository.tag(subject.digest.replace(":", "-"), index_of(entries, b'"x":0'))
    target = f"/v2/{repository.name}/referrers/{subject.digest}"

    def attack() -> None:
        for _ in range(20):
            page = repository.client.get(target)
            assert [entry["digest"] for entry in page.json()["manifests"]] == [kept.digest]
            assert len(page.body) < 1000

    assert slowest_health(server, attack) < OTHERS_WAIT


def test_pushes_beside_the_largest_index(server: Server, repository: Repository) -> None:
    """The write of an index with as many children as are taken holds up no small push for long."""
    index = index_of(b",".join(child(number) for number in range(10_000)), b'"x":0')
    client = Client("127.0.0.1", server.port)
    other = new_repository(client)
    image = other.image()
    client.close()
    over = threading.Event()

    def small() -> float:
        slowest, number = 0.0, 0
        while not over.is_set():
            started = time.monotonic()
            assert other.put(f"t{number}", image).status == 201
            slowest = max(slowest, time.monotonic() - started)
            number += 1
        client.close()
        return slowest

    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(small)
        try:
            for place in range(5):
                payload = index.payload[:-20] + b"%018d" % place + b'"}'
                repository.tag("largest", Manifest(payload, OCI_INDEX))
        finally:
            over.set()
        assert pushing.result() < OTHERS_WAIT
