"""Pulls from a bucket: by redirect and its exceptions, passed through, and what happens when bytes are not there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from tests.application import Registry, digest_of, error_code
from tests.protocol.content import Repository, noise
from tests.protocol.server import Server
from tests.s3.calls import RESET
from tests.s3.registry import PART, Bucket, bucket_of, registry_on, repository
from tests.s3.servers import S3Server

SMALL, BIG = noise(20_000, "small"), noise(2 * PART + 12_345, "big")


@pytest.fixture(scope="module")
def shared(s3: S3Server) -> Iterator[Bucket]:
    with bucket_of(s3) as made:
        yield made


@pytest.fixture(scope="module")
def passing(shared: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with registry_on(shared, tmp_path_factory.mktemp("passing")) as server:
        yield server


@pytest.fixture(scope="module")
def redirecting(shared: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that sends all away but a few."""
    variables = {
        "ENTREPOT_S3_REDIRECT": "true",
        "ENTREPOT_S3_PREFIX": "a/folder",
        "ENTREPOT_S3_REDIRECT_EXPIRES": "5m",
        "ENTREPOT_S3_REDIRECT_ENDPOINT": shared.server.endpoint,
        "ENTREPOT_S3_REDIRECT_EXCEPT_AGENTS": "clumsy/1, old",
        "ENTREPOT_S3_REDIRECT_EXCEPT_NETWORKS": "10.0.0.0/8, 192.0.2.7",
        "ENTREPOT_SERVER_TRUSTED_PROXIES": "127.0.0.1",
    }
    with registry_on(shared, tmp_path_factory.mktemp("redirecting"), **variables) as server:
        yield server


def fetch(url: str, **headers: str) -> Any:  # noqa: ANN401 - urllib3's answers are untyped
    """What a client gets that follows: without the registry's headers, nor any credentials."""
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request("GET", url, headers=headers)


@pytest.mark.parametrize("data", [SMALL, BIG], ids=["small", "big"])
def test_a_pull_is_sent_to_the_bucket(redirecting: Server, shared: Bucket, data: bytes) -> None:
    used = repository(redirecting)
    target = used.blob(used.push(data))
    answer = used.client.get(target)
    assert (answer.status, answer.body) == (307, b"")
    assert answer.header("docker-content-digest") == digest_of(data)
    assert answer.header("cache-control") == "no-store"
    location = answer.header("location")
    assert location.startswith(f"{shared.server.endpoint}/{shared.name}/a/folder/docker/registry/v2/")
    assert parse_qs(urlsplit(location).query)["X-Amz-Expires"] == ["300"]
    followed = fetch(location)
    assert (followed.status, followed.data) == (200, data)
    assert followed.headers["content-type"] == "application/octet-stream"


def test_a_range_is_the_buckets_to_answer(redirecting: Server) -> None:
    used = repository(redirecting)
    target = used.blob(used.push(BIG))
    answer = used.client.get(target, {"Range": "bytes=7-106"})
    assert answer.status == 307
    followed = fetch(answer.header("location"), Range="bytes=7-106")
    assert (followed.status, followed.data) == (206, BIG[7:107])
    beyond = used.client.get(target, {"Range": f"bytes={len(BIG)}-"})
    assert (beyond.status, beyond.code) == (416, "RANGE_INVALID")


def test_nothing_but_the_bytes_is_redirected(redirecting: Server) -> None:
    used = repository(redirecting)
    digest = used.push(SMALL)
    head = used.client.head(used.blob(digest))
    assert (head.status, head.header("content-length")) == (200, str(len(SMALL)))
    assert used.client.get(used.blob(digest), {"If-None-Match": f'"{digest}"'}).status == 304
    assert used.client.get(used.blob(digest), {"If-Match": '"other"'}).status == 412
    manifest = used.tag("latest", used.image())
    assert used.client.get(used.manifest("latest")).body == manifest.payload
    missing = used.client.get(used.blob(digest_of(b"nothing")))
    assert (missing.status, missing.code) == (404, "BLOB_UNKNOWN")
    elsewhere = Repository(used.client, f"{used.name}/elsewhere")
    elsewhere.push(b"another")
    assert elsewhere.client.get(elsewhere.blob(digest)).status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"User-Agent": "docker/27"}, 307),
        ({"User-Agent": "clumsy/1.4"}, 200),
        ({"User-Agent": "older"}, 200),
        ({"User-Agent": "not clumsy/1"}, 307),
        ({"X-Forwarded-For": "10.1.2.3"}, 200),
        ({"X-Forwarded-For": "192.0.2.7"}, 200),
        ({"X-Forwarded-For": "192.0.2.8"}, 307),
        ({"X-Forwarded-For": "2001:db8::1"}, 307),
        ({}, 307),
    ],
)
def test_some_are_not_sent_away(redirecting: Server, headers: dict[str, str], status: int) -> None:
    used = repository(redirecting)
    answer = used.client.get(used.blob(used.push(BIG)), headers)
    assert answer.status == status
    assert answer.body == (BIG if status == 200 else b"")


def test_a_url_ends(shared: Bucket, tmp_path: Path) -> None:
    with registry_on(
        shared, tmp_path, ENTREPOT_S3_REDIRECT="true", ENTREPOT_S3_REDIRECT_EXPIRES="1s", ENTREPOT_S3_PREFIX="ending"
    ) as server:
        used = repository(server)
        location = used.client.get(used.blob(used.push(SMALL))).header("location")
        assert fetch(location).data == SMALL
        time.sleep(2.1)
        assert fetch(location).status == 403


def test_bytes_are_passed_through(passing: Server) -> None:
    used = repository(passing)
    for data in (b"", b"x", SMALL, BIG):
        answer = used.client.get(used.blob(used.push(data)))
        assert (answer.status, answer.body) == (200, data)
        assert answer.header("content-length") == str(len(data))
        assert answer.header("content-type") == "application/octet-stream"
        assert answer.header("accept-ranges") == "bytes"


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=100-", (100, len(BIG))),
        ("bytes=-100", (len(BIG) - 100, len(BIG))),
        (f"bytes={PART - 5}-{PART + 5}", (PART - 5, PART + 6)),
        (f"bytes=5-{len(BIG) + 99}", (5, len(BIG))),
    ],
)
def test_ranges_are_passed_through(passing: Server, asked: str, span: tuple[int, int]) -> None:
    used = repository(passing)
    answer = used.client.get(used.blob(used.push(BIG)), {"Range": asked})
    start, end = span
    assert (answer.status, answer.body) == (206, BIG[start:end])
    assert answer.header("content-range") == f"bytes {start}-{end - 1}/{len(BIG)}"


def test_several_ranges_and_none(passing: Server) -> None:
    used = repository(passing)
    target = used.blob(used.push(BIG))
    answer = used.client.get(target, {"Range": f"bytes=10-19,{PART}-{PART + 9},-10"})
    assert answer.status == 206
    for piece in (BIG[10:20], BIG[PART : PART + 10], BIG[-10:]):
        assert b"\r\n\r\n" + piece + b"\r\n" in answer.body
    beyond = used.client.get(target, {"Range": f"bytes={len(BIG)}-"})
    assert (beyond.status, beyond.header("content-range")) == (416, f"bytes */{len(BIG)}")
    other = used.client.get(target, {"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status, other.body) == (200, BIG)


def test_a_client_that_goes_away_in_the_middle_ends_the_pull(passing: Server, shared: Bucket) -> None:
    used = repository(passing)
    target = used.blob(used.push(noise(40 << 20, "long")))
    with used.client.connect() as connection:
        connection.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.socket.recv(100)
    assert used.client.get(used.blob(used.push(SMALL))).body == SMALL


@pytest.mark.anyio
@pytest.mark.parametrize("data", [SMALL, BIG], ids=["small", "big"])
@pytest.mark.parametrize("what", ["missing", "shorter"])
async def test_damage_is_found_by_a_pull_and_repaired_by_a_push(
    bucket: Bucket, tmp_path: Path, data: bytes, what: str
) -> None:
    async with Registry(tmp_path / "root", bucket.settings) as registry:
        digest = await registry.push("app", data)
        (key,) = bucket.keys("/data") or bucket.keys("/placed/")
        if what == "missing":
            bucket.s3.delete_object(Bucket=bucket.name, Key=key)
        else:
            bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=data[:-1])
        answer = await registry.get(f"/v2/app/blobs/{digest}")
        assert (answer.status_code, error_code(answer)) == (404, "BLOB_UNKNOWN")
        assert (await registry.request("HEAD", f"/v2/app/blobs/{digest}")).status_code == 404
        assert await registry.push("app", data) == digest
        assert (await registry.get(f"/v2/app/blobs/{digest}")).content == data


@pytest.mark.anyio
async def test_flipped_bits_are_found_by_the_check(bucket: Bucket, tmp_path: Path) -> None:
    settings = bucket.settings | {"verify.again_after": "1s", "verify.rate": "1GiB"}
    async with Registry(tmp_path / "root", settings) as registry:
        good, bad = await registry.push("app", BIG), await registry.push("app", SMALL)
        (key,) = bucket.keys("/data")
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"X" + SMALL[1:])
        time.sleep(1.1)
        assert await registry.job("content.verify") == 2
        assert (await registry.request("HEAD", f"/v2/app/blobs/{bad}")).status_code == 404
        assert (await registry.get(f"/v2/app/blobs/{good}")).content == BIG
        await registry.push("app", SMALL)
        assert (await registry.get(f"/v2/app/blobs/{bad}")).content == SMALL


@pytest.mark.anyio
async def test_nothing_is_taken_for_lost_while_the_bucket_does_not_answer(bucket: Bucket, tmp_path: Path) -> None:
    async with Registry(tmp_path / "root", bucket.settings | {"s3.attempts": "1"}) as registry:
        digest = await registry.push("app", SMALL)
        with bucket.proxy.planned(lambda call: RESET):
            answer = await registry.get(f"/v2/app/blobs/{digest}")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
            assert (await registry.request("HEAD", f"/v2/app/blobs/{digest}")).status_code == 200
            answer = await registry.request("POST", f"/v2/app/blobs/uploads/?digest={digest}", SMALL)
            assert answer.status_code == 503
        assert (await registry.get(f"/v2/app/blobs/{digest}")).content == SMALL
