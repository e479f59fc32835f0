"""Damaged blobs: noticed, taken out of sight, reported, and repaired by the next push."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.databases import rows
from tests.protocol.content import OCTETS, Repository, new_repository, noise, with_query
from tests.protocol.server import Server, running, wait_until


@pytest.fixture(scope="module", params=["1", "2"], ids=["one worker", "two workers"])
def watched(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server without the background check: what is noticed here is noticed by reading."""
    variables = {"ENTREPOT_SERVER_WORKERS": request.param, "ENTREPOT_VERIFY_ENABLED": "false"}
    with running(tmp_path_factory.mktemp("damage"), variables) as server:
        yield server


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def removed(path: Path) -> None:
    path.unlink()


def folder_removed(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


def flipped(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0x10]))


def events(server: Server, digest: str) -> list[str]:
    """The kinds of events about a blob, oldest first."""
    found = rows(server.database_url, "SELECT kind FROM events WHERE digest = ? ORDER BY id", digest)
    return [kind for (kind,) in found]


def damaged_count(server: Server) -> float:
    """The metric; workers hand their numbers in now and then."""
    for line in server.client.get("/metrics").body.decode().splitlines():
        if line.startswith("entrepot_damaged_blobs_total"):
            return float(line.split()[-1])
    return 0.0


def is_out_of_sight(repository: Repository, digest: str) -> None:
    """404 on HEAD and on GET, over fresh connections, so that every worker is asked."""
    for _ in range(4):
        for method in ("HEAD", "GET"):
            with repository.client.connect() as connection:
                response = connection.request(method, repository.blob(digest))
                assert response.status == 404, method
                if method == "GET":
                    assert response.code == "BLOB_UNKNOWN"


def is_gone(repository: Repository, digest: str) -> bool:
    return repository.client.head(repository.blob(digest)).status == 404


def is_repaired(server: Server, repository: Repository, data: bytes, digest: str) -> None:
    """The next push brings it back, for every repository that had it."""
    response = server.client.post(with_query(repository.uploads, digest=digest), data, OCTETS)
    assert response.status == 201
    for _ in range(4):
        with server.client.connect() as connection:
            assert connection.request("GET", repository.blob(digest)).body == data
    assert server.client.head(repository.blob(digest)).status == 200
    assert server.blob_file(digest).read_bytes() == data
    assert events(server, digest)[-1] == "blob.repaired" or "blob.repaired" in events(server, digest)


DAMAGES = [emptied, truncated, longer, removed, folder_removed]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("size", [1000, 300_000])
def test_noticed_when_it_is_opened(watched: Server, damage: Callable[[Path], None], size: int, method: str) -> None:
    repository = new_repository(watched.client)
    data = noise(size, (damage.__name__, method, size, repository.name))
    digest = repository.push(data)
    before = damaged_count(watched)
    assert watched.client.get(repository.blob(digest)).body == data
    damage(watched.blob_file(digest))
    response = watched.client.request(method, repository.blob(digest))
    assert response.status == 404, response
    is_out_of_sight(repository, digest)
    assert events(watched, digest).count("blob.quarantined") == 1
    assert any(digest in line and "damaged" in line for line in watched.log.splitlines()), "no line in the log"
    wait_until(lambda: damaged_count(watched) == before + 1, 10, lambda: f"the metric says {damaged_count(watched)}")
    is_repaired(watched, repository, data, digest)


def test_other_repositories_are_healed_too(watched: Server) -> None:
    one, two = new_repository(watched.client), new_repository(watched.client)
    data = noise(2000, ("shared", one.name))
    digest = one.push(data)
    two.push(data)
    emptied(watched.blob_file(digest))
    is_out_of_sight(one, digest)
    is_out_of_sight(two, digest)
    is_repaired(watched, one, data, digest)
    assert watched.client.get(two.blob(digest)).body == data


def test_a_damaged_blob_is_not_mounted(watched: Server) -> None:
    source, target = new_repository(watched.client), new_repository(watched.client)
    data = noise(2000, ("mount", source.name))
    digest = source.push(data)
    emptied(watched.blob_file(digest))
    assert watched.client.head(source.blob(digest)).status == 404
    for origin in (source.name, None):
        query = {"mount": digest} | ({"from": origin} if origin else {})
        response = watched.client.post(with_query(target.uploads, **query))
        assert response.status == 202
        assert watched.client.delete(response.header("location")).status == 204


def test_a_push_by_session_repairs_too(watched: Server) -> None:
    repository = new_repository(watched.client)
    data = noise(300_000, ("session", repository.name))
    digest = repository.push(data)
    for damage in (emptied, removed):
        damage(watched.blob_file(digest))
        location = watched.client.patch(repository.start(), data, OCTETS).header("location")
        # Nobody has noticed yet: also a push that finds the blob there already must leave it good.
        assert repository.close(location, digest).status == 201
        assert watched.client.get(repository.blob(digest)).body == data


def test_good_bytes_replace_flipped_ones(watched: Server) -> None:
    """Flipped bits that nobody has found yet: what a push brings and has acknowledged is what is served."""
    for size in (2000, 600_000):
        repository = new_repository(watched.client)
        data = noise(size, ("flipped", repository.name))
        digest = repository.push(data)
        flipped(watched.blob_file(digest))
        repository.push(data)
        assert watched.client.get(repository.blob(digest)).body == data


def test_ranges_of_a_truncated_blob(watched: Server) -> None:
    repository = new_repository(watched.client)
    digest = repository.push(noise(300_000, ("range", repository.name)))
    truncated(watched.blob_file(digest))
    assert watched.client.get(repository.blob(digest), {"Range": "bytes=0-9"}).status == 404


def test_flipped_bits_are_found(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_VERIFY_EVERY="0.3s", ENTREPOT_VERIFY_AGAIN_AFTER="1s", ENTREPOT_VERIFY_RATE="64MiB")
    repository = new_repository(server.client)
    contents = {repository.push(data): data for data in (noise(2000, "small"), noise(400_000, "large"))}
    healthy = repository.push(noise(5000, "healthy"))
    for digest in contents:
        flipped(server.blob_file(digest))
    for digest in contents:
        wait_until(partial(is_gone, repository, digest), 20, "flipped bits are not found", 0.2)
        is_out_of_sight(repository, digest)
        assert "blob.quarantined" in events(server, digest)
        assert digest in server.log
    wait_until(lambda: damaged_count(server) == 2, 5, lambda: f"the metric says {damaged_count(server)}")
    kept = server.root / "storage" / "docker" / "registry" / "v2" / "quarantine"
    assert len([path for path in kept.rglob("*") if path.is_file()]) == 2, "the damaged bytes are kept aside"
    for digest, data in contents.items():
        is_repaired(server, repository, data, digest)
    assert server.client.get(repository.blob(healthy)).status == 200
    assert "blob.quarantined" not in events(server, healthy)
