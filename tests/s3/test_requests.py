"""Requests to the bucket for each request of a client: counted, and what docs/s3.md says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.application import Registry, digest_of
from tests.project.source import ROOT
from tests.protocol.content import noise
from tests.s3.registry import PART, Bucket

pytestmark = pytest.mark.anyio

PARTS = 3
SMALL, BIG = noise(20_000, "small"), noise(PARTS * PART - 1000, "big")
DOCUMENTED = re.compile(r"^\| (?!a client's request)([^|-][^|]*) \| ([^|]+) \|$", re.MULTILINE)

Action = Callable[[Registry], Awaitable[None]]


def documented() -> dict[str, Counter[str]]:
    """What docs/s3.md says of each request."""
    found = {}
    section = (ROOT / "docs" / "s3.md").read_text().partition("## Requests to the bucket")[2].partition("\n## ")[0]
    for what, requests in DOCUMENTED.findall(section):
        counts: Counter[str] = Counter()
        for number, operation in re.findall(r"(\d+ |n |)([A-Z][a-z]+[A-Z][A-Za-z]+)", requests):
            counts[operation] += PARTS if number == "n " else int(number or 1)
        found[what] = counts
    return found


async def in_two(registry: Registry) -> None:
    answer = await registry.close(await registry.start("app"), digest_of(SMALL), SMALL)
    assert answer.status_code == 201


async def in_parts(registry: Registry) -> None:
    answer = await registry.close(await registry.start("app"), digest_of(BIG), BIG)
    assert answer.status_code == 201


async def pulled(registry: Registry) -> None:
    assert (await registry.get(f"/v2/app/blobs/{digest_of(BIG)}")).content == BIG


async def pulled_in_part(registry: Registry) -> None:
    answer = await registry.get(f"/v2/app/blobs/{digest_of(BIG)}", range=f"bytes=1000-{PART + 1000}")
    assert answer.status_code == 206
    assert answer.content == BIG[1000 : PART + 1001]


async def looked_at(registry: Registry) -> None:
    answer = await registry.request("HEAD", f"/v2/app/blobs/{digest_of(SMALL)}")
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(SMALL)))
    assert (await registry.request("HEAD", f"/v2/app/blobs/{digest_of(b'nothing')}")).status_code == 404


async def mounted(registry: Registry) -> None:
    answer = await registry.request("POST", f"/v2/other/blobs/uploads/?mount={digest_of(SMALL)}&from=app")
    assert answer.status_code == 201


async def deleted(registry: Registry) -> None:
    assert (await registry.request("DELETE", f"/v2/app/blobs/{digest_of(SMALL)}")).status_code == 202


async def begun(registry: Registry) -> None:
    await registry.start("app")


async def asked(registry: Registry) -> None:
    assert (await registry.get(await registry.start("app"))).status_code == 204


async def begun_small(registry: Registry) -> None:
    location = await registry.start("app")
    assert (await registry.request("PATCH", location, SMALL)).status_code == 202
    await registry.job("uploads.flush")
    assert (await registry.get(location)).headers["range"] == f"0-{len(SMALL) - 1}"


async def with_image(registry: Registry) -> None:
    await registry.push_image("app", "latest")


async def manifests(registry: Registry) -> None:
    payload = await registry.push_image("app", "v1", seed="the same")
    assert (await registry.put("app", "v2", payload)).status_code == 201
    for reference in ("v1", digest_of(payload)):
        assert (await registry.get(f"/v2/app/manifests/{reference}")).content == payload
        assert (await registry.request("HEAD", f"/v2/app/manifests/{reference}")).status_code == 200
    assert (await registry.request("DELETE", f"/v2/app/manifests/{digest_of(payload)}")).status_code == 202


async def lists(registry: Registry) -> None:
    assert await registry.names("/v2/app/tags/list") == ["latest"]
    assert await registry.names("/v2/_catalog") == ["app"]
    assert (await registry.get(f"/v2/app/referrers/{digest_of(SMALL)}")).status_code == 200


SCENES: dict[str, tuple[Action | None, Action]] = {
    "push of a blob below one part": (None, in_two),
    "push of a blob of n parts, in one body": (None, in_parts),
    "pull of a blob passed through": (in_parts, pulled),
    "a range of a blob passed through": (in_parts, pulled_in_part),
    "HEAD of a blob": (in_two, looked_at),
    "mount of a blob": (in_two, mounted),
    "delete of a blob": (in_two, deleted),
    "begin of an upload": (None, begun),
    "status of an upload": (None, asked),
    "a first chunk up to 64 KiB": (None, begun_small),
    "tags, catalog and referrers": (with_image, lists),
    "push of a small image with a config and two layers": (None, with_image),
}
REDIRECT = "pull of a blob by redirect"
MANIFESTS = "push, pull, HEAD and delete of a manifest"


def test_every_request_of_the_documentation_is_counted() -> None:
    assert set(documented()) == {*SCENES, REDIRECT, MANIFESTS}


@pytest.mark.parametrize("what", SCENES)
async def test_requests_are_those_of_the_documentation(bucket: Bucket, registry: Registry, what: str) -> None:
    before, action = SCENES[what]
    if before is not None:
        await before(registry)
    with bucket.counted() as found:
        await action(registry)
    assert found == documented()[what]


async def test_manifests_are_no_business_of_the_bucket(bucket: Bucket, registry: Registry) -> None:
    with bucket.counted() as found:
        await manifests(registry)
    assert found == documented()[MANIFESTS] + Counter({"PutObject": 3})  # its blobs


async def test_a_blob_in_a_single_post_costs_the_same(bucket: Bucket, registry: Registry) -> None:
    for data, what in ((SMALL, "push of a blob below one part"), (BIG, "push of a blob of n parts, in one body")):
        with bucket.counted() as found:
            await registry.push("app", data)
        assert found == documented()[what]


async def test_a_redirect_costs_nothing(bucket: Bucket, tmp_path: Path) -> None:
    async with Registry(tmp_path / "root", bucket.settings | {"s3.redirect": "true"}) as registry:
        await in_parts(registry)
        with bucket.counted() as found:
            assert (await registry.get(f"/v2/app/blobs/{digest_of(BIG)}")).status_code == 307
        assert found == documented()[REDIRECT]


async def test_chunks_are_sent_once(bucket: Bucket, registry: Registry) -> None:
    """However small they are, a part is sent when it is full, and what waits for that is bounded."""
    location = await registry.start("app")
    with bucket.counted() as found:
        for start in range(0, len(BIG), 1 << 20):
            answer = await registry.request("PATCH", location, BIG[start : start + (1 << 20)])
            assert answer.status_code == 202
            location = answer.headers["location"]
        assert (await registry.close(location, digest_of(BIG))).status_code == 201
    assert (found["CreateMultipartUpload"], found["UploadPart"], found["CompleteMultipartUpload"]) == (1, PARTS, 1)
    assert found["PutObject"] <= 1 + len(BIG) // (1 << 20)  # a tail for each chunk, and the place
    assert found["CopyObject"] == found["UploadPartCopy"] == 0
    assert bucket.keys("_uploads") == []


async def test_an_images_links_in_the_background(bucket: Bucket, registry: Registry) -> None:
    await registry.push_image("app", "latest")
    before = bucket.proxy.calls.copy()
    await registry.job("layout.follow")
    assert bucket.proxy.calls - before == Counter({"PutObject": 3 + 4, "GetObject": 1})
    with bucket.counted() as found:
        await registry.job("layout.follow")
        await registry.job("uploads.expire")
    assert found == {}
