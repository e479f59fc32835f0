"""Blobs pushed: whole, in chunks, mounted, and over connections that drop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from registry.client.client import Client
from registry.client.credentials import Basic
from registry.client.errors import InvalidAnswer, RegistryError, Unreachable
from tests.client.cutting import Cut, cutting
from tests.client.debian import docker_registry
from tests.client.pushed import QUICK, opener, push
from tests.client.scripted import Asked, Reply, scripted
from tests.protocol.content import digest_of, noise
from tests.protocol.server import Server

DATA = noise(3_000_000)
DIGEST = digest_of(DATA)


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with docker_registry(tmp_path_factory.mktemp("debian")) as port:
        yield port


@pytest.fixture(params=["ours", "debian"])
def port(request: pytest.FixtureRequest) -> int:
    """Of our server, and of Debian's."""
    if request.param == "ours":
        server: Server = request.getfixturevalue("server")
        return server.port
    found: int = request.getfixturevalue("debian")
    return found


@pytest.mark.parametrize("size", [0, 1, 1000, 65_536, 65_537, 3_000_000])
@pytest.mark.parametrize("chunk", [None, 1_000_000, 40_000])
def test_push(port: int, name: str, size: int, chunk: int | None) -> None:
    if chunk is not None and size < chunk:
        chunk = max(1, size // 3)
    if chunk is not None and size // chunk > 10:
        chunk = size // 10
    data, told = noise(size, (size, chunk)), [0]
    client = Client(f"127.0.0.1:{port}")
    assert client.push_blob(name, digest_of(data), size, opener(data), told.append, chunk=chunk)
    with client.blob(name, digest_of(data)) as reader:
        assert reader.read() == data
    assert told == sorted(told)
    assert told[-1] == size


def test_dropped(port: int, name: str) -> None:
    """Each connection dies later than the one before; the last one lives."""
    told: list[int] = []
    with cutting(port, *[Cut(up=size) for size in (50, 1000, 900_000, 300, 1_500_000)]) as line:
        client = Client(line.host, retry=QUICK)
        assert client.push_blob(name, DIGEST, len(DATA), opener(DATA), told.append)
        assert line.cuts_left == 0
    assert told[-1] == len(DATA)
    assert Client(f"127.0.0.1:{port}").has_blob(name, DIGEST) == len(DATA)


def test_it_goes_on_where_it_was(server: Server, name: str) -> None:
    with cutting(server.port, Cut(up=2_500_000)) as line:
        Client(line.host).push_blob(name, DIGEST, len(DATA), opener(DATA))
        assert line.carried["up"] < 2_500_000 + len(DATA), "the upload did not go on from the offset"


def test_in_chunks_and_dropped(port: int, name: str) -> None:
    with cutting(port, *[Cut(up=size) for size in (700_000, 20_000, 900_000)]) as line:
        client = Client(line.host, retry=QUICK)
        client.push_blob(name, DIGEST, len(DATA), opener(DATA), chunk=200_000)
        assert line.cuts_left == 0
    assert Client(f"127.0.0.1:{port}").has_blob(name, DIGEST) == len(DATA)


def test_the_last_answer_is_lost(server: Server, name: str) -> None:
    """The upload was closed, and nobody heard of it: its session is gone, the blob is there."""
    data = noise(5000, "lost")
    probe = Client(f"127.0.0.1:{server.port}")
    probe.push_blob(name, digest_of(b"other"), 5, opener(b"other"))
    for down in range(150, 900, 100):
        fresh = noise(5000, down)
        with cutting(server.port, Cut(down=down)) as line:
            Client(line.host, retry=QUICK).push_blob(name, digest_of(fresh), 5000, opener(fresh))
        assert probe.has_blob(name, digest_of(fresh)) == len(data)


def test_dropped_for_good(server: Server, name: str) -> None:
    started = time.monotonic()
    with cutting(server.port, Cut(), *[Cut(up=2000)] * 500) as line:
        client = Client(line.host, retry=QUICK)
        client.push_blob(name, digest_of(b"x"), 1, opener(b"x"))
        client.close()
        with pytest.raises(Unreachable):
            client.push_blob(name, DIGEST, len(DATA), opener(DATA))
        assert line.cuts_left > 100
    assert time.monotonic() - started < 20


def test_mount(port: int, name: str) -> None:
    client = Client(f"127.0.0.1:{port}")
    digest = push(client, f"{name}/from", DATA)

    def never(_: int) -> BinaryIO:
        raise AssertionError("a mounted blob is not read")

    assert client.mount(f"{name}/a", digest, f"{name}/from")
    assert not client.push_blob(f"{name}/b", digest, len(DATA), never, source=f"{name}/from")
    assert [client.has_blob(f"{name}/{last}", digest) for last in "abc"] == [len(DATA), len(DATA), None]
    other = noise(100, "other")
    assert not client.mount(f"{name}/a", digest_of(other), f"{name}/from")
    assert client.push_blob(f"{name}/a", digest_of(other), 100, opener(other), source=f"{name}/from")
    assert client.has_blob(f"{name}/a", digest_of(other)) == 100


def test_what_is_pushed_is_not_what_was_said(server: Server, name: str) -> None:
    with cutting(server.port) as line:
        with pytest.raises(RegistryError) as caught:
            Client(line.host, retry=QUICK).push_blob(name, digest_of(b"other"), len(DATA), opener(DATA))
        assert caught.value.codes == {"DIGEST_INVALID"}
        assert line.carried["up"] < len(DATA) * 1.5, "it would be wrong again"


class _Broken(BytesIO):
    """A file on a disk that fails in its middle; closed is told."""

    closings = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 1_000_000:
            raise OSError(5, "Input/output error")
        return super().read(size)

    def close(self) -> None:
        type(self).closings += 1
        super().close()


def test_the_file_fails(client: Client, name: str) -> None:
    """It is the caller's error, and is not taken for one of the connection."""
    opened: list[int] = []

    def broken(offset: int) -> BinaryIO:
        opened.append(offset)
        return _Broken(DATA[offset:])

    with pytest.raises(OSError, match="Input/output error"):
        client.push_blob(name, DIGEST, len(DATA), broken)
    assert (opened, _Broken.closings) == ([0], 1)
    with pytest.raises(EOFError, match="its file ends at byte 1000 of 3000000"):
        client.push_blob(name, DIGEST, len(DATA), opener(DATA[:1000]))


def test_locations() -> None:
    """Absolute ones with a query are taken as they are; the digest is added."""

    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            return Reply(201)
        return Reply(202, b"", [("Location", f"http://{asked.headers['host']}/elsewhere/{asked.method}?_state=a%2Fb")])

    with scripted(answer) as server:
        Client(server.host, plain_http=True).push_blob("a/b", DIGEST, len(DATA), opener(DATA))
        assert [asked.target for asked in server.asked] == [
            "/v2/a/b/blobs/uploads/",
            "/elsewhere/POST?_state=a%2Fb",
            f"/elsewhere/PATCH?_state=a%2Fb&digest={DIGEST.replace(':', '%3A')}",
        ]
        assert server.asked[1].body == DATA


def test_a_location_on_another_host_gets_no_credentials() -> None:
    def other(asked: Asked) -> Reply:
        return Reply(201) if asked.method == "PUT" else Reply(202, b"", [("Location", "/up")])

    with scripted(other) as elsewhere:

        def registry(asked: Asked) -> Reply:
            if "authorization" not in asked.headers:
                return Reply(401, b"", [("WWW-Authenticate", 'Basic realm="x"')])
            return Reply(202, b"", [("Location", f"{elsewhere.url}/up")])

        with scripted(registry) as server:
            Client(server.host, plain_http=True, credentials=Basic("u", "p")).push_blob(
                "a", DIGEST, len(DATA), opener(DATA)
            )
            assert ["authorization" in asked.headers for asked in server.asked] == [False, True]
        assert [asked.method for asked in elsewhere.asked] == ["PATCH", "PUT"]
        assert all("authorization" not in asked.headers for asked in elsewhere.asked)


def test_what_is_sent_again_says_where_it_belongs() -> None:
    """The registry may have taken more of a dropped request than it knew when it was asked."""
    drops = iter((True,))

    def answer(asked: Asked) -> Reply | None:
        if asked.method == "PATCH" and next(drops, False):
            return None
        return Reply(201) if asked.method == "PUT" else Reply(202, b"", [("Location", "/up")])

    with scripted(answer) as server:
        Client(server.host, plain_http=True, retry=QUICK).push_blob("a", DIGEST, len(DATA), opener(DATA))
        places = [asked.headers.get("content-range") for asked in server.asked if asked.method == "PATCH"]
        assert places == [None, "0-2999999"]


def test_a_close_without_an_answer() -> None:
    """The blob is looked for before anything is sent again."""

    def answer(asked: Asked) -> Reply | None:
        if asked.method == "PUT":
            return None
        if asked.method == "HEAD":
            return Reply(200, b"", [("Content-Length", str(len(DATA)))])
        return Reply(202, b"", [("Location", "/up")])

    told: list[int] = []
    with scripted(answer) as server:
        Client(server.host, plain_http=True, retry=QUICK).push_blob("a", DIGEST, len(DATA), opener(DATA), told.append)
        assert [asked.method for asked in server.asked] == ["POST", "PATCH", "PUT", "HEAD"]
    assert told[-1] == len(DATA)


def test_no_location() -> None:
    with scripted(lambda _: Reply(202)) as server, pytest.raises(InvalidAnswer, match="no location"):
        Client(server.host, plain_http=True).push_blob("a", DIGEST, len(DATA), opener(DATA))


def test_the_least_size_of_chunks() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            return Reply(201)
        return Reply(202, b"", [("Location", "/up"), ("OCI-Chunk-Min-Length", "1500000")])

    with scripted(answer) as server:
        Client(server.host, plain_http=True).push_blob("a", DIGEST, len(DATA), opener(DATA), chunk=100)
        ranges = [asked.headers["content-range"] for asked in server.asked if asked.method == "PATCH"]
        assert ranges == ["0-1499999", "1500000-2999999"]


def test_a_session_that_is_gone(tmp_path: Path) -> None:
    """The registry forgot it: the upload begins again, and is not retried for ever."""
    forgets = iter((True, True, False))

    def answer(asked: Asked) -> Reply:
        if asked.method == "PUT":
            return Reply(201)
        if asked.method == "HEAD":
            return Reply(404)
        if asked.method == "POST" or (asked.method == "PATCH" and not next(forgets, True)):
            return Reply(202, b"", [("Location", "/up")])
        return Reply(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}')

    with scripted(answer) as server:
        client = Client(server.host, plain_http=True, retry=QUICK)
        client.push_blob("a", DIGEST, len(DATA), opener(DATA))
        assert [asked.method for asked in server.asked].count("POST") == 3
        with pytest.raises(RegistryError, match="gone"):
            client.push_blob("a", DIGEST, len(DATA), opener(DATA))
