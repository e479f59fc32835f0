"""Uploads that are cut: by the connection, by a restart, by kill -9; and what the session says afterwards is true."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.protocol.client import encode
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query
from tests.protocol.server import Server, wait_until

DATA = noise(3_000_000, "resume")
DIGEST = digest_of(DATA)
CUT = 1_200_000
A_MOMENT = 1.0
"""Seconds after which a session is written down; a crash within them may lose it."""


def offset(repository: Repository, location: str) -> int:
    """How many bytes the session says it holds; 0-0 stands for none here, as no test sends a single byte."""
    response = repository.client.get(location)
    assert response.status == 204, response
    first, _, last = response.header("range").partition("-")
    assert first == "0"
    return int(last) + 1 if int(last) else 0


def uploads_folder(server: Server, repository: Repository) -> Path:
    """Where the partial files of a repository lie."""
    return server.root / "storage" / "docker" / "registry" / "v2" / "repositories" / repository.name / "_uploads"


def resume(repository: Repository, location: str) -> None:
    """Goes on from where the session says it is, and the blob must be right."""
    at = offset(repository, location)
    headers = OCTETS | {"Content-Range": f"{at}-{len(DATA) - 1}"}
    location = repository.client.get(location).header("location")
    if at < len(DATA):
        response = repository.client.patch(location, DATA[at:], headers)
        assert response.status == 202, response
        location = response.header("location")
    assert repository.close(location, DIGEST).status == 201
    assert repository.client.get(repository.blob(DIGEST)).body == DATA


def settled(repository: Repository, location: str) -> int:
    """The offset once the server has noticed that the other connection is gone."""
    seen: list[int] = []

    def twice_the_same() -> bool:
        seen.append(offset(repository, location))
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    wait_until(twice_the_same, 10, lambda: f"the offset does not settle: {seen[-5:]}", 0.1)
    return seen[-1]


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_dropped_connection(repository: Repository, method: str, how: str) -> None:
    location = repository.start()
    time.sleep(0.4)  # by now it is written down, so that no worker has to wait for it
    target = location if method == "PATCH" else with_query(location, digest=DIGEST)
    with repository.client.connect() as connection:
        connection.send(encode(method, target, OCTETS | {"Content-Length": str(len(DATA))}) + DATA[:CUT])
        if how == "close":
            connection.close()
        else:
            wait_until(lambda: offset(repository, location), 10, "nothing arrives at the session")
            connection.abort()
    at = settled(repository, location)
    assert at <= CUT
    if how == "close":
        assert at == CUT, "bytes that reached the server before an orderly close are kept"
    assert repository.client.head(repository.blob(DIGEST)).status == 404
    resume(repository, location)


def test_dropped_after_acknowledged_chunks(repository: Repository) -> None:
    location = repository.client.patch(repository.start(), DATA[:1000], OCTETS).header("location")
    with repository.client.connect() as connection:
        connection.send(encode("PATCH", location, OCTETS | {"Content-Length": "500000"}) + DATA[1000:300_000])
    assert settled(repository, location) >= 1000
    resume(repository, location)


def test_dropped_monolithic_post(server: Server, repository: Repository) -> None:
    data = noise(2_000_000, "dropped post")
    digest = digest_of(data)
    with repository.client.connect() as connection:
        target = with_query(repository.uploads, digest=digest)
        connection.send(encode("POST", target, OCTETS | {"Content-Length": str(len(data))}) + data[:CUT])
    assert repository.client.head(repository.blob(digest)).status == 404
    assert not server.blob_file(digest).exists()
    # The bytes of a session that nobody can come back to do not stay.
    folder = uploads_folder(server, repository)
    wait_until(lambda: not list(folder.glob("*")), 10, "the partial file of the POST stays")
    assert repository.push(data) == digest


def test_dropped_manifest(repository: Repository) -> None:
    image = repository.image()
    with repository.client.connect() as connection:
        headers = {"Content-Type": image.media_type, "Content-Length": str(len(image.payload))}
        connection.send(encode("PUT", repository.manifest("latest"), headers) + image.payload[:-10])
    assert repository.client.head(repository.manifest("latest")).status == 404
    repository.tag("latest", image)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_restart_between_chunks(start: Callable[..., Server], end: signal.Signals) -> None:
    server = start()
    repository = new_repository(server.client)
    location = repository.client.patch(repository.start(), DATA[:CUT], OCTETS).header("location")
    small = repository.client.patch(repository.start(), DATA[:500], OCTETS).header("location")
    if end == signal.SIGTERM:
        assert server.stop() == 0
    else:
        time.sleep(A_MOMENT)
        server.kill()
    server.start()
    assert offset(repository, small) == 500
    assert offset(repository, location) == CUT
    resume(repository, location)
    resume(repository, small)


def test_kill_in_the_middle_of_a_chunk(start: Callable[..., Server]) -> None:
    """An upload that has run for a while can go on; the session is known, not only its bytes."""
    server = start()
    repository = new_repository(server.client)
    location = repository.client.patch(repository.start(), DATA[:1000], OCTETS).header("location")
    with server.client.connect() as connection:
        connection.send(encode("PATCH", location, OCTETS | {"Content-Length": str(len(DATA) - 1000)}) + DATA[1000:CUT])
        wait_until(lambda: offset(repository, location) > 1000, 10, "nothing arrives at the session")
        time.sleep(A_MOMENT)
        server.kill()
    server.start()
    assert 1000 <= offset(repository, location) <= CUT
    resume(repository, location)


def test_a_session_that_a_kill_has_lost_leaves_nothing(start: Callable[..., Server]) -> None:
    """A crash may lose a young session. What is said of it is true, and its bytes do not stay."""
    server = start(ENTREPOT_UPLOADS_EXPIRE_AFTER="2s")
    repository = new_repository(server.client)
    locations = [repository.client.patch(repository.start(), DATA, OCTETS).header("location") for _ in range(3)]
    server.kill()
    server.start()
    for location in locations:
        response = repository.client.get(location)
        assert response.status in (204, 404)
        if response.status == 204:
            assert response.header("range") == f"0-{len(DATA) - 1}"
    folder = uploads_folder(server, repository)
    wait_until(lambda: not list(folder.glob("*")), 30, "the bytes of lost sessions stay on disk", 0.5)


def test_restart_before_the_closing_put(start: Callable[..., Server]) -> None:
    """A digest kept with the session is only trusted when it speaks of the bytes that are there."""
    server = start()
    repository = new_repository(server.client)
    wrong, right = (repository.client.patch(repository.start(), DATA, OCTETS).header("location") for _ in range(2))
    time.sleep(A_MOMENT)
    server.kill()
    server.start()
    assert repository.close(wrong, digest_of(b"not this")).status == 400
    assert repository.close(right, DIGEST).status == 201
    assert repository.client.get(repository.blob(DIGEST)).body == DATA


def test_acknowledged_content_survives_a_kill(start: Callable[..., Server]) -> None:
    server = start()
    repository = new_repository(server.client)
    image = repository.tag("latest", repository.image())
    digest = repository.push(DATA)
    server.kill()
    server.start()
    assert repository.client.get(repository.manifest("latest")).body == image.payload
    assert repository.client.get(repository.blob(digest)).body == DATA
