"""Registries of this machine that say where their folder is, and files that are put there instead of bytes sent."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from registry.client.client import Client
from registry.client.errors import RegistryError
from registry.client.local_registry import is_here
from storage import paths
from tests.client.pushed import QUICK, opener
from tests.client.scripted import Asked, Reply, scripted
from tests.protocol.content import digest_of, noise
from tests.protocol.server import Server

DATA = noise(200_000, "local registry")
DIGEST = digest_of(DATA)

Placing = Callable[[str], AbstractContextManager[bool]]


def test_addresses_of_this_machine() -> None:
    assert is_here("127.0.0.1")
    assert is_here("127.8.9.1")
    assert is_here("::1")
    assert is_here("localhost")
    assert is_here(socket.gethostbyname("localhost"))
    assert not is_here("192.0.2.1")
    assert not is_here("2001:db8::1")
    assert not is_here("no.such.host.invalid")
    assert not is_here("a" * 300)


def test_our_server_tells(server: Server, client: Client) -> None:
    found = os.stat(server.root / "storage")
    assert client.folder() == (str(server.root / "storage"), found.st_dev, found.st_ino)


@pytest.mark.parametrize(
    "body",
    [
        {"path": "relative", "device": 1, "inode": 2},
        {"path": "/nul\0", "device": 1, "inode": 2},
        {"path": "/a", "device": "1", "inode": 2},
        {"path": "/a", "device": 1},
        {"path": ["/a"], "device": 1, "inode": 2},
        [],
        "x" * 20_000,
        None,
    ],
)
def test_odd_answers_are_no_folder(body: object) -> None:
    payload = b"not JSON" if body is None else json.dumps(body).encode()

    def answer(asked: Asked) -> Reply:
        return Reply(200, payload if asked.target.endswith("/folder") else b"{}")

    with scripted(answer) as registry:
        assert Client(registry.host, retry=QUICK).folder() is None


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_refusal_is_no_folder(status: int) -> None:
    with scripted(lambda asked: Reply(status if asked.target.endswith("/folder") else 200)) as registry:
        assert Client(registry.host, retry=QUICK).folder() is None


@pytest.fixture
def placing(server: Server, client: Client, tmp_path: Path) -> Callable[[bytes, int], Placing]:
    """Makes a `Place` that links a file of these bytes and this mode."""
    assert client.folder() is not None

    def make(data: bytes, mode: int = 0o440) -> Placing:
        file = tmp_path / "file"
        file.write_bytes(data)
        file.chmod(mode)

        @contextmanager
        def place(upload: str) -> Iterator[bool]:
            link = server.root / "storage" / paths.linked(upload)
            link.hardlink_to(file)
            try:
                yield True
            finally:
                link.unlink(missing_ok=True)

        return place

    return make


def test_a_file_is_pushed(
    server: Server, client: Client, name: str, placing: Callable[[bytes, int], Placing], tmp_path: Path
) -> None:
    told: list[int] = []
    place = placing(DATA, 0o440)
    assert client.push_blob(name, DIGEST, len(DATA), never, told.append, place=place)
    assert told == [0, len(DATA)]
    assert server.blob_file(DIGEST).samefile(tmp_path / "file")


def never(_: int) -> BinaryIO:
    """No byte is asked for."""
    raise AssertionError("bytes were asked for")


def test_the_bytes_are_sent_when_the_file_is_not_taken(
    server: Server, client: Client, name: str, placing: Callable[[bytes, int], Placing]
) -> None:
    data = noise(200_000, name)
    for place in (placing(data, 0o640), placing(b"other", 0o440), _nothing):
        assert client.push_blob(name, digest_of(data), len(data), opener(data), place=place)
        with client.blob(name, digest_of(data)) as reader:
            assert reader.read() == data
        assert server.blob_file(digest_of(data)).stat().st_nlink == 1
    with pytest.raises(RegistryError, match=DIGEST[7:19]):
        client.push_blob(name, DIGEST, len(DATA), opener(b"x" * len(DATA)), place=placing(b"x" * len(DATA), 0o440))


@contextmanager
def _nothing(_: str) -> Iterator[bool]:
    yield False


def test_small_blobs_go_by_one_request(client: Client, name: str) -> None:
    def place(_: str) -> AbstractContextManager[bool]:
        raise AssertionError("a place was asked for")

    assert client.push_blob(name, digest_of(b"small"), 5, opener(b"small"), place=place)


def test_a_connection_that_drops_is_recovered_from() -> None:
    """The file was taken and the answer lost: the registry is asked, and nothing is sent."""
    location = "/v2/app/blobs/uploads/" + "1" * 32

    def answer(asked: Asked) -> Reply | None:
        if asked.method == "POST":
            return Reply(202, headers=[("Location", location)])
        if asked.method == "PUT":
            assert asked.target.endswith("&adopt=file")
            return None
        return Reply(200, headers=[("Content-Length", str(len(DATA)))])

    @contextmanager
    def place(_: str) -> Iterator[bool]:
        yield True

    with scripted(answer) as registry:
        assert Client(registry.host, retry=QUICK).push_blob("app", DIGEST, len(DATA), opener(DATA), place=place)
        assert [asked.method for asked in registry.asked if asked.method != "GET"] == ["POST", "PUT", "HEAD"]
