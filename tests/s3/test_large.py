"""A layer over 5 GB, the most that S3 takes in one request, as docker sends one; and what it takes of memory."""

from __future__ import annotations

import hashlib
import http.client
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.protocol.server import Server
from tests.s3.registry import bucket_of, registry_on, repository
from tests.s3.servers import S3Server, gateway

MIB = 1 << 20
SIZE = 5130 * MIB + 12_345
"""Over 5 GiB as well. The first 950 parts, of 5 MiB, hold 4750 MiB of it; those that follow are twice as large."""

PARTS = 950 + 39

UNIT = hashlib.shake_256(b"large").digest(MIB)
"""Its bytes, again and again, each time with its number first."""

WORKER_MOST = 400 * MIB

pytestmark = pytest.mark.slow


class Body:
    """The bytes of it all, hashed on their way."""

    def __init__(self) -> None:
        self.whole = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for number in range(SIZE // MIB + 1):
            piece = (number.to_bytes(8, "big") + UNIT[8:])[: SIZE - number * MIB]
            self.whole.update(piece)
            yield piece


def span(start: int, size: int) -> bytes:
    first = start // MIB
    found = b"".join(number.to_bytes(8, "big") + UNIT[8:] for number in range(first, (start + size) // MIB + 1))
    return found[start - first * MIB :][:size]


def peak(server: Server) -> int:
    """The most memory that any process of the server ever had."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return max(
        int(line.split()[1]) * 1024
        for pid in (str(server.process.pid), *children)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    )


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    """One whose gigabytes do not stay."""
    with gateway(tmp_path / "gateway") as server:
        yield server
    shutil.rmtree(tmp_path / "gateway")


@pytest.mark.timeout(900)
def test_a_layer_over_5_gb(s3: S3Server, tmp_path: Path) -> None:
    body = Body()
    with bucket_of(s3) as bucket:
        # Past the proxy of the tests, which is no part of what is looked at, and slow.
        direct = {"ENTREPOT_S3_ENDPOINT": s3.endpoint}
        with registry_on(bucket, tmp_path, **direct) as server:
            used = repository(server)
            began = used.client.post(used.uploads)
            with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)) as connection:
                connection.request("PATCH", began.get("location") or "", body, {"Content-Length": str(SIZE)})
                answer = connection.getresponse()
                assert (answer.status, answer.headers["range"]) == (202, f"0-{SIZE - 1}"), answer.read()
                answer.read()
            digest = f"sha256:{body.whole.hexdigest()}"
            closed = used.client.put(f"{answer.headers['location']}?digest={digest}")
            assert closed.status == 201, closed.body
            assert peak(server) < WORKER_MOST
            head = used.client.head(used.blob(digest))
            assert (head.status, head.get("content-length")) == (200, str(SIZE))
            for start in (0, 5 * MIB - 3, 4750 * MIB - 9, 5_000_000_000, (5 << 30) - 7, SIZE - 99):
                size = min(3 * MIB, SIZE - start)
                part = used.client.get(used.blob(digest), [("Range", f"bytes={start}-{start + size - 1}")])
                assert (part.status, part.body == span(start, size)) == (206, True), start
            (placed,) = bucket.keys("placed/")
            assert bucket.s3.head_object(Bucket=bucket.name, Key=placed)["ETag"].endswith(f'-{PARTS}"')
