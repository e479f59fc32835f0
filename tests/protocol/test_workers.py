"""Several workers: whatever one has acknowledged the others know, and one upload may go through all of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.protocol.client import Headers, Response
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query
from tests.protocol.server import Server, running, wait_until

WORKERS = 3


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("workers"), {"ENTREPOT_SERVER_WORKERS": str(WORKERS)}) as server:
        yield server


@pytest.fixture
def spread(several: Server) -> Repository:
    return new_repository(several.client)


def fresh(
    repository: Repository, method: str, target: str, headers: Headers = (), body: bytes | None = None
) -> Response:
    """A request over a connection of its own, so that any worker may take it."""
    with repository.client.connect() as connection:
        return connection.request(method, target, headers, body)


def worker_of(response: Response) -> str:
    """Request ids begin with a part that each worker makes up for itself."""
    return response.header("x-request-id").partition("-")[0]


def test_every_worker_serves(several: Server) -> None:
    """Connections that are open at the same time are shared out."""
    seen: set[str] = set()

    def all_seen() -> bool:
        connections = [several.client.connect() for _ in range(30)]
        for connection in connections:
            seen.add(worker_of(connection.request("GET", "/v2/")))
        for connection in connections:
            connection.close()
        return len(seen) == WORKERS

    wait_until(all_seen, 20, lambda: f"only {len(seen)} of {WORKERS} workers answer")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_one_upload_over_many_connections(spread: Repository, algorithm: str) -> None:
    random = Random(algorithm)
    for number in range(6):
        data = noise(random.randrange(200_000, 900_000), (algorithm, number))
        digest = digest_of(data, algorithm)
        location = fresh(spread, "POST", spread.uploads).header("location")
        first = 0
        while first < len(data):
            last = min(first + random.randrange(1, 120_000), len(data)) - 1
            headers = OCTETS | ({"Content-Range": f"{first}-{last}"} if random.random() < 0.5 else {})
            response = fresh(spread, "PATCH", location, headers, data[first : last + 1])
            assert response.status == 202, response
            assert response.header("range") == f"0-{last}"
            location = response.header("location")
            assert fresh(spread, "GET", location).header("range") == f"0-{last}"
            first = last + 1
        response = fresh(spread, "PUT", with_query(location, digest=digest), OCTETS, b"")
        assert response.status == 201, response
        for _ in range(3):
            assert fresh(spread, "GET", spread.blob(digest)).body == data
            assert fresh(spread, "GET", location).status == 404


def test_order_is_kept_over_workers(spread: Repository) -> None:
    data = noise(300_000, "order")
    location = fresh(spread, "POST", spread.uploads).header("location")
    half, rest = OCTETS | {"Content-Range": "0-149999"}, OCTETS | {"Content-Range": "150000-299999"}
    assert fresh(spread, "PATCH", location, half, data[:150_000]).status == 202
    for _ in range(6):
        response = fresh(spread, "PATCH", location, half, data[:150_000])
        assert response.status == 416
        assert response.header("range") == "0-149999"
    assert fresh(spread, "PUT", with_query(location, digest=digest_of(data)), rest, data[150_000:]).status == 201


def test_what_one_acknowledged_all_know_at_once(spread: Repository) -> None:
    for number in range(20):
        image = spread.image(number)
        response = fresh(spread, "PUT", spread.manifest("latest"), {"Content-Type": image.media_type}, image.payload)
        assert response.status == 201
        for _ in range(4):
            got = fresh(spread, "HEAD", spread.manifest("latest"))
            assert got.header("docker-content-digest") == image.digest
        if number % 2:
            assert fresh(spread, "DELETE", spread.manifest("latest")).status == 202
            for _ in range(4):
                assert fresh(spread, "GET", spread.manifest("latest")).status == 404


def test_deleted_blobs_are_gone_everywhere(spread: Repository) -> None:
    for number in range(10):
        digest = spread.push(noise(2000, ("gone", number)))
        assert fresh(spread, "GET", spread.blob(digest)).status == 200
        assert fresh(spread, "DELETE", spread.blob(digest)).status == 202
        for method in ("GET", "HEAD", "GET", "HEAD"):
            assert fresh(spread, method, spread.blob(digest)).status == 404


def test_many_clients_over_many_workers(spread: Repository) -> None:
    def whole_push(number: int) -> bool:
        repository = Repository(spread.client, f"{spread.name}-{number % 4}")
        image = repository.image(number % 7)
        response = repository.put(f"tag-{number}", image)
        return response.status == 201 and repository.client.get(repository.manifest(image.digest)).body == image.payload

    assert all(spread.client.together([partial(whole_push, number) for number in range(60)], at_once=12))


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def test_a_worker_that_dies_is_replaced(several: Server, spread: Repository) -> None:
    before = children(several.process.pid)
    assert len(before) == WORKERS
    location = spread.client.patch(spread.start(), b"kept", OCTETS).header("location")
    time.sleep(1.0)  # a session that has lived for a moment is written down; a younger one may be lost with its worker
    several.client.close()
    os.kill(before[0], signal.SIGKILL)

    def replaced() -> bool:
        now = children(several.process.pid)
        return len(now) == WORKERS and before[0] not in now

    wait_until(replaced, 15, "the dead worker is not replaced")
    wait_until(several.is_ready, 10, "the server is not ready after a worker died")
    assert spread.client.get(location).header("range") == "0-3"
    assert spread.close(location, digest_of(b"kept")).status == 201


def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    with running(tmp_path, {"ENTREPOT_SERVER_WORKERS": "2"}) as server:
        workers = children(server.process.pid)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
        wait_until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers), 5, "workers live on")


def test_stopping_while_starting(tmp_path: Path) -> None:
    """SIGTERM at any moment of the start ends the server, also while some workers serve and others are being made."""
    for number, delay in enumerate((0.2, 0.6, 1.0, None, None, None)):
        folder = tmp_path / str(number)
        folder.mkdir()
        server = Server(folder, {"ENTREPOT_SERVER_WORKERS": "3"})
        server.launch()
        try:
            if delay is None:
                wait_until(server.is_ready, 20, "the server does not get ready", 0.01)
            else:
                time.sleep(delay)
            server.terminate()
            server.wait(10)
        finally:
            server.kill()


def affinities(pid: int) -> list[set[int]]:
    """Of each thread of a process the cores it may run on, the main one first."""
    threads = sorted(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())
    return [os.sched_getaffinity(thread) for thread in threads]


@pytest.fixture
def cores() -> Iterator[set[int]]:
    """Two cores, or the only one, which are all that is left to what the test starts."""
    before = os.sched_getaffinity(0)
    few = set(sorted(before)[:2])
    os.sched_setaffinity(0, few)
    yield few
    os.sched_setaffinity(0, before)


def test_as_many_workers_as_cores_have_one_each(tmp_path: Path, cores: set[int]) -> None:
    with running(tmp_path, {"ENTREPOT_SERVER_WORKERS": str(len(cores))}) as server:
        workers = children(server.process.pid) or [server.process.pid]
        one_each = [[core] for core in sorted(cores)]
        wait_until(lambda: sorted(sorted(affinities(pid)[0]) for pid in workers) == one_each, 5, "they share cores")
        # What hashes and moves a large body does so where there is room, as the parent does.
        repository = new_repository(server.client)
        repository.push(noise(8 << 20))
        assert any(one == cores for pid in workers for one in affinities(pid))
        if len(workers) > 1:
            own = affinities(workers[0])[0]
            os.kill(workers[0], signal.SIGKILL)
            wait_until(lambda: len(set(children(server.process.pid)) - set(workers)) == 1, 15, "it is not replaced")
            [replacement] = set(children(server.process.pid)) - set(workers)
            wait_until(lambda: affinities(replacement)[0] == own, 5, "the new worker has not the core of the old one")


def test_workers_have_no_cores_of_their_own_where_that_is_not_wanted(tmp_path: Path, cores: set[int]) -> None:
    settings = {"ENTREPOT_SERVER_WORKERS": str(max(2, len(cores))), "ENTREPOT_SERVER_PIN_WORKERS": "false"}
    with running(tmp_path, settings) as server:
        assert all(one == cores for pid in children(server.process.pid) for one in affinities(pid))
