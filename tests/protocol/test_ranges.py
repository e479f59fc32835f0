"""Range requests on blobs."""

from __future__ import annotations

import re

import pytest

from tests.protocol.client import Response
from tests.protocol.content import Repository, new_repository, noise
from tests.protocol.server import Server

SIZE = 5000
DATA = noise(SIZE, "ranges")


@pytest.fixture(scope="module")
def ranged(server: Server) -> tuple[Repository, str]:
    repository = new_repository(server.client)
    return repository, repository.push(DATA)


def fetch(ranged: tuple[Repository, str], value: str, **more: str) -> Response:
    repository, digest = ranged
    headers = {"Range": value} | {name.replace("_", "-"): text for name, text in more.items()}
    return repository.client.get(repository.blob(digest), headers)


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=500-1499", 500, 1499),
        ("bytes=500-", 500, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=-500", SIZE - 500, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-99999", 0, SIZE - 1),
        ("bytes=4000-99999", 4000, SIZE - 1),
        (f"bytes=0-{10**30}", 0, SIZE - 1),
        ("Bytes=1-2", 1, 2),
        ("bytes= 1-2", 1, 2),
    ],
)
def test_one_range(ranged: tuple[Repository, str], value: str, first: int, last: int) -> None:
    response = fetch(ranged, value)
    assert response.status == 206
    assert response.body == DATA[first : last + 1]
    assert response.header("content-range") == f"bytes {first}-{last}/{SIZE}"
    assert response.header("content-length") == str(last + 1 - first)
    assert response.header("docker-content-digest") == ranged[1]
    assert response.header("etag") == f'"{ranged[1]}"'
    assert response.header("content-type") == "application/octet-stream"


@pytest.mark.parametrize("value", ["bytes=5000-", "bytes=5000-10000", "bytes=500-0", "bytes=-0", f"bytes={10**30}-"])
def test_unsatisfiable(ranged: tuple[Repository, str], value: str) -> None:
    response = fetch(ranged, value)
    assert response.status == 416
    assert response.header("content-range") == f"bytes */{SIZE}"
    assert response.code == "RANGE_INVALID"


@pytest.mark.parametrize(
    "value",
    ["bytes=a-b", "bytes=", "bytes=-", "bytes", "items=0-1", "bytes=1", "bytes=1-2-3", "bytes=--5", "bytes=+1-2",
     "bytes=1 -2", "0-10", "bytes=0x1-0x2", "bytes=1-2,x"],
)  # fmt: skip
def test_malformed_is_ignored(ranged: tuple[Repository, str], value: str) -> None:
    response = fetch(ranged, value)
    assert response.status == 200
    assert response.body == DATA
    assert response.get("content-range") is None


def parts(response: Response) -> list[tuple[str, bytes]]:
    """The parts of a multipart/byteranges body: Content-Range and bytes of each."""
    found = re.fullmatch(r'multipart/byteranges; ?boundary="?([^";]+)"?', response.header("content-type"))
    assert found is not None, response
    mark = b"\r\n--" + found[1].encode()
    opening, *pieces, end = (b"\r\n" + response.body).split(mark)
    assert opening == b""
    assert end in (b"--", b"--\r\n")
    result = []
    for piece in pieces:
        head, _, data = piece.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n") if line)
        assert headers["content-type"] == "application/octet-stream"
        result.append((headers["content-range"], data))
    return result


def test_several_ranges(ranged: tuple[Repository, str]) -> None:
    response = fetch(ranged, "bytes=0-9, 100-199,-5")
    assert response.status == 206
    assert response.get("content-range") is None
    assert response.header("content-length") == str(len(response.body))
    assert parts(response) == [
        (f"bytes 0-9/{SIZE}", DATA[:10]),
        (f"bytes 100-199/{SIZE}", DATA[100:200]),
        (f"bytes {SIZE - 5}-{SIZE - 1}/{SIZE}", DATA[-5:]),
    ]


def test_several_ranges_over_one_connection(ranged: tuple[Repository, str]) -> None:
    repository, digest = ranged
    with repository.client.connect() as connection:
        for _ in range(3):
            response = connection.request("GET", repository.blob(digest), {"Range": "bytes=0-9,20-29"})
            assert len(parts(response)) == 2
        assert connection.request("GET", "/v2/").status == 200


def test_ranges_beyond_the_end_are_left_out(ranged: tuple[Repository, str]) -> None:
    response = fetch(ranged, "bytes=0-9,6000-7000")
    assert response.status == 206
    if response.get("content-range") is None:
        assert parts(response) == [(f"bytes 0-9/{SIZE}", DATA[:10])]
    else:
        assert response.header("content-range") == f"bytes 0-9/{SIZE}"
        assert response.body == DATA[:10]


def test_several_ranges_all_beyond_the_end(ranged: tuple[Repository, str]) -> None:
    response = fetch(ranged, "bytes=5000-5001,6000-")
    assert response.status == 416
    assert response.header("content-range") == f"bytes */{SIZE}"


def test_many_ranges_cannot_be_used_to_multiply(ranged: tuple[Repository, str]) -> None:
    for value in ("bytes=" + ",".join("0-" for _ in range(1000)), "bytes=" + ",".join(["0-", "1-"] * 8)):
        response = fetch(ranged, value)
        assert response.status in (200, 206, 416)
        assert len(response.body) <= 2 * SIZE


@pytest.mark.parametrize("method", ["HEAD"])
def test_range_is_only_for_get(ranged: tuple[Repository, str], method: str) -> None:
    repository, digest = ranged
    response = repository.client.request(method, repository.blob(digest), {"Range": "bytes=0-9"})
    assert response.status == 200
    assert response.header("content-length") == str(SIZE)


def test_if_range(ranged: tuple[Repository, str]) -> None:
    own = f'"{ranged[1]}"'
    assert fetch(ranged, "bytes=0-9", If_Range=own).status == 206
    for value in ('"other"', f"W/{own}", "Wed, 21 Oct 2015 07:28:00 GMT", "nonsense"):
        response = fetch(ranged, "bytes=0-9", If_Range=value)
        assert response.status == 200, value
        assert response.body == DATA
    # A condition that does not hold means the whole blob, also where the range alone would be refused.
    assert fetch(ranged, "bytes=9000-", If_Range='"other"').status == 200


def test_empty_blob(repository: Repository) -> None:
    digest = repository.push(b"")
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1", "bytes=7-9,1-"):
        response = repository.client.get(repository.blob(digest), {"Range": header})
        assert (response.status, response.body, response.get("content-range")) == (200, b"", None)
        assert response.header("content-length") == "0"
    whole = repository.client.get(repository.blob(digest))
    assert whole.status == 200
    assert whole.header("content-length") == "0"


def test_large_blob_over_many_ranges(repository: Repository) -> None:
    """Large reads may leave by another road (sendfile) than small ones."""
    data = noise(3_000_000, "large")
    digest = repository.push(data)
    assert repository.client.get(repository.blob(digest)).body == data
    step = 1_100_000
    for first in range(0, len(data), step):
        response = repository.client.get(repository.blob(digest), {"Range": f"bytes={first}-{first + step - 1}"})
        assert response.body == data[first : first + step]
    response = repository.client.get(repository.blob(digest), {"Range": f"bytes=10-{step},2000000-2999999"})
    assert [data for _, data in parts(response)] == [data[10 : step + 1], data[2_000_000:]]


def test_interrupted_download_is_resumed(repository: Repository) -> None:
    data = noise(2_000_000, "resume")
    digest = repository.push(data)
    with repository.client.connect() as connection:
        connection.send(f"GET {repository.blob(digest)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connection.socket.recv(1000)
        connection.abort()
    rest = repository.client.get(repository.blob(digest), {"Range": "bytes=700000-", "If-Range": f'"{digest}"'})
    assert rest.body == data[700_000:]
