"""Blobs read: from any offset, over connections that drop, and never more than was said."""

from __future__ import annotations

import pytest

from registry.client.blob_reader import ContentRange, content_range
from registry.client.client import Client
from registry.client.credentials import Basic
from registry.client.errors import (
    Dropped,
    InvalidAnswer,
    InvalidName,
    NotFound,
    RangeNotSatisfiable,
    SizeMismatch,
)
from tests.client.cutting import Cut, cutting
from tests.client.pushed import QUICK, push
from tests.client.scripted import Asked, Reply, scripted
from tests.protocol.content import digest_of, noise
from tests.protocol.server import Server

DATA = noise(3_000_000)
DIGEST = digest_of(DATA)


def test_read(client: Client, name: str) -> None:
    push(client, name, DATA)
    with client.blob(name, DIGEST) as reader:
        assert reader.size == len(DATA)
        assert reader.read() == DATA
        assert (reader.read(10), reader.position) == (b"", len(DATA))
    for offset in (1, 2_999_999, 3_000_000):
        with client.blob(name, DIGEST, size=len(DATA), offset=offset) as reader:
            assert reader.read() == DATA[offset:]
    with client.blob(name, DIGEST, size=len(DATA)) as reader:
        assert len(reader.read(10)) == 10
    with pytest.raises(ValueError, match="read after close"):
        reader.read(10)


def test_there_or_not(client: Client, name: str) -> None:
    digest = push(client, name, b"there")
    assert client.has_blob(name, digest) == 5
    assert client.has_blob(name, digest_of(b"not there")) is None
    with pytest.raises(NotFound, match=r"127\.0\.0\.1:\d+/team-\d+/app@sha256:\w+: .*404"):
        client.blob(name, digest_of(b"not there"))
    with pytest.raises(RangeNotSatisfiable):
        client.blob(name, digest, offset=6)
    for bad in ("sha256:12", "md5:12", "../x"):
        with pytest.raises(InvalidName):
            client.has_blob(name, bad)
    client.delete_blob(name, digest)
    assert client.has_blob(name, digest) is None
    with pytest.raises(NotFound):
        client.delete_blob(name, digest)


def test_dropped_again_and_again(server: Server, client: Client, name: str) -> None:
    push(client, name, DATA)
    cuts = [Cut(down=size) for size in (100, 70_000, 500_000, 1_000_000, 20)]
    with cutting(server.port, *cuts) as line:
        far = Client(line.host, retry=QUICK)
        with far.blob(name, DIGEST, size=len(DATA)) as reader:
            assert reader.read() == DATA
        assert line.cuts_left == 0
        assert line.carried["down"] < len(DATA) + 5000, "what was read before is not asked for again"


def test_dropped_for_good(server: Server, client: Client, name: str) -> None:
    push(client, name, DATA)
    with cutting(server.port, Cut(down=100_000), *[Cut(down=100)] * 100) as line:
        with Client(line.host, retry=QUICK).blob(name, DIGEST, size=len(DATA)) as reader, pytest.raises(Dropped):
            reader.read()
        assert 0 < reader.position < 100_000
        assert line.connections <= 1 + QUICK.attempts**2


def test_without_ranges() -> None:
    """A server that does not know ranges begins again; what was read is skipped."""
    lengths = iter((1_000, 500, 2_999_990))

    def answer(_: Asked) -> Reply:
        return Reply(200, DATA, sent=next(lengths, None))

    with scripted(answer) as server:
        with Client(server.host, plain_http=True, retry=QUICK).blob("a", DIGEST) as reader:
            assert reader.read() == DATA
        ranges = [asked.headers.get("range") for asked in server.asked]
        assert ranges == [None, "bytes=1000-", "bytes=1000-", "bytes=2999990-"]


WRONG_RANGES = {
    "elsewhere": ("bytes 900-2999999/3000000", InvalidAnswer),
    "none": ("", InvalidAnswer),
    "no numbers": ("bytes */3000000", InvalidAnswer),
    "another size": ("bytes 1000-2999999/2999999", SizeMismatch),
}


@pytest.mark.parametrize("case", WRONG_RANGES)
def test_a_wrong_range(case: str) -> None:
    text, error = WRONG_RANGES[case]

    def answer(asked: Asked) -> Reply:
        return Reply(206, DATA[1000:], [("Content-Range", text)]) if "range" in asked.headers else Reply(200, DATA)

    with scripted(answer) as server, pytest.raises(error):
        Client(server.host, plain_http=True).blob("a", DIGEST, size=len(DATA), offset=1000)


def test_never_more_than_was_said() -> None:
    """By its length, or, without one, where it ends."""

    def told(_: Asked) -> Reply:
        return Reply(200, DATA)

    def untold(_: Asked) -> Reply:
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(DATA), DATA)
        return Reply(200, chunk, [("Transfer-Encoding", "chunked")])

    with scripted(told) as server, pytest.raises(SizeMismatch, match="3000000 bytes, not 1000"):
        Client(server.host, plain_http=True).blob("a", DIGEST, size=1000)
    with (
        scripted(untold) as server,
        Client(server.host, plain_http=True).blob("a", DIGEST, size=1000) as reader,
    ):
        assert reader.read() == DATA[:1000]


def test_a_redirect_goes_without_authorization(client: Client, name: str) -> None:
    """As to a bucket by a signed URL: with the range, without what was meant for the registry."""

    def bucket(asked: Asked) -> Reply:
        start = int(asked.headers.get("range", "bytes=0-")[6:-1])
        sent = 1000 if start == 0 else None
        place = [("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")]
        return Reply(206, DATA[start:], place, sent) if start else Reply(200, DATA, sent=sent)

    with scripted(bucket) as storage:

        def registry(asked: Asked) -> Reply:
            if asked.headers.get("authorization", "") != "Basic dTpw":
                return Reply(401, b"", [("WWW-Authenticate", 'Basic realm="x"')])
            return Reply(307, b"", [("Location", f"{storage.url}/bucket/{len(front.asked)}?signature=x")])

        with scripted(registry) as front:
            from_it = Client(front.host, plain_http=True, credentials=Basic("u", "p"), retry=QUICK)
            with from_it.blob("a", DIGEST, size=len(DATA)) as reader:
                assert reader.read() == DATA
        assert [asked.target for asked in storage.asked] == ["/bucket/2?signature=x", "/bucket/3?signature=x"]
        assert [asked.headers.get("range") for asked in storage.asked] == [None, "bytes=1000-"]
        assert all("authorization" not in asked.headers for asked in storage.asked)


def test_content_range() -> None:
    assert content_range("bytes 5-9/10") == ContentRange(5, 9, 10)
    assert content_range("bytes 5-9/*") == ContentRange(5, 9, None)
    for text in ("", "bytes 5-9", "bytes */10", "items 5-9/10", "bytes 5-9/10x", "bytes -5-9/10"):
        assert content_range(text) is None
