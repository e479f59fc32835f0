"""What crashes leave in a bucket: found and removed when it is old and nobody's, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.services.orphan_sweeper import OrphanSweeper
from storage import paths
from storage.checked import Checked
from storage.drivers import load
from tests.application import Registry, digest_of
from tests.protocol.content import noise
from tests.s3.registry import PART, Bucket

pytestmark = pytest.mark.anyio

OLD = 1.5
"""Seconds after which something is old here; S3 tells times in whole seconds."""

BIG = noise(PART + 1000, "leftovers")


def driver(bucket: Bucket) -> Checked:
    """One of a process that is going to die."""
    settings: dict[str, object] = {
        name.removeprefix("s3."): value
        for name, value in bucket.settings.items()
        if name.startswith("s3.") and name not in ("s3.redirect", "s3.part_size")
    }
    return Checked(load("s3", **settings, part_size=PART))


def sweeper_of(registry: Registry, bucket: Bucket, expire_after: float = OLD, grace: float = 0.0) -> OrphanSweeper:
    hiding = driver(bucket)
    return OrphanSweeper(registry.app.database, hiding, registry.app.pool, expire_after, grace)  # type: ignore[arg-type]


def crash(bucket: Bucket, upload: str, *, complete: bool = False) -> str:
    """Begin an upload that no row knows of, and leave it; the place that its bytes have or would have."""
    writer = driver(bucket).create(paths.upload_data("lost", upload))
    writer.write(BIG)
    if complete:
        return writer.commit("never/used")
    writer.suspend()
    return ""


def uploads_in(bucket: Bucket) -> int:
    return len(list(driver(bucket).abandoned(2e9)))  # type: ignore[attr-defined]


async def test_a_multipart_upload_that_nobody_knows_is_aborted_when_it_is_old(
    registry: Registry, bucket: Bucket
) -> None:
    crash(bucket, "a" * 32)
    location = await registry.start("app")
    assert (await registry.request("PATCH", location, BIG)).status_code == 202
    assert uploads_in(bucket) == 2
    sweeper = sweeper_of(registry, bucket)
    assert await sweeper.sweep() == 0
    await asyncio.sleep(OLD + 1)
    assert await sweeper.sweep() == 1
    assert uploads_in(bucket) == 1
    assert (await registry.close(location, digest_of(BIG))).status_code == 201
    assert await sweeper.sweep() == 0
    assert (await registry.get(f"/v2/app/blobs/{digest_of(BIG)}")).content == BIG


async def test_what_is_complete_and_no_blobs_is_removed_when_it_is_old(registry: Registry, bucket: Bucket) -> None:
    lost = crash(bucket, "b" * 32, complete=True)
    digest = await registry.push("app", BIG)
    assert len(bucket.keys("/placed/")) == 2
    await asyncio.sleep(OLD + 1)
    patient = sweeper_of(registry, bucket, grace=0.5)
    assert await patient.sweep() == 0
    assert len(bucket.keys("/placed/")) == 2
    await asyncio.sleep(0.6)
    assert await patient.sweep() == 1
    (kept,) = bucket.keys("/placed/")
    assert kept != lost
    assert (await registry.get(f"/v2/app/blobs/{digest}")).content == BIG


async def test_the_old_place_of_a_blob_that_was_pushed_again_goes(registry: Registry, bucket: Bucket) -> None:
    digest = await registry.push("app", BIG)
    (first,) = bucket.keys("/placed/")
    assert await registry.push("other", BIG) == digest
    await asyncio.sleep(OLD + 1)
    assert await sweeper_of(registry, bucket).sweep() == 1
    (second,) = bucket.keys("/placed/")
    assert second != first
    (note,) = [key for key in bucket.keys("/blobs/") if key.endswith("/place")]
    assert bucket.s3.get_object(Bucket=bucket.name, Key=note)["Body"].read().decode() == second
    for repository in ("app", "other"):
        assert (await registry.get(f"/v2/{repository}/blobs/{digest}")).content == BIG


async def test_young_things_stay(registry: Registry, bucket: Bucket) -> None:
    crash(bucket, "c" * 32)
    crash(bucket, "d" * 32, complete=True)
    await asyncio.sleep(OLD + 1)
    assert await sweeper_of(registry, bucket, expire_after=60).sweep() == 0
    assert (uploads_in(bucket), len(bucket.keys("/placed/"))) == (1, 1)


async def test_what_was_kept_beside_a_lost_upload_goes(registry: Registry, bucket: Bucket, tmp_path: Path) -> None:
    lost = driver(bucket).create(paths.upload_data("lost", "e" * 32))
    lost.write(BIG[:100_000])
    lost.suspend()
    location = await registry.start("app")
    answer = await registry.request("PATCH", location, BIG[:100_000])
    assert answer.status_code == 202
    assert len(bucket.keys("_uploads")) == 2
    assert await registry.job("uploads.sweep") == 0
    async with Registry(tmp_path / "root", bucket.settings | {"uploads.expire_after": "1s"}) as hasty:
        await asyncio.sleep(2.1)
        assert await hasty.job("uploads.sweep") == 1
    assert len(bucket.keys("_uploads")) == 1
    assert (await registry.close(answer.headers["location"], digest_of(BIG), BIG[100_000:])).status_code == 201


async def test_the_job_does_it(bucket: Bucket, tmp_path: Path) -> None:
    settings = bucket.settings | {"uploads.expire_after": "1s"}
    async with Registry(tmp_path / "root", settings) as registry:
        crash(bucket, "f" * 32)
        await asyncio.sleep(2.1)
        assert await registry.job("storage.leftovers") == 1
        assert uploads_in(bucket) == 0


async def test_a_single_post_is_known_while_it_comes_in(registry: Registry, bucket: Bucket) -> None:
    """It has no session that a client could come back to, but a row: its bytes are not nobody's."""
    go_on, began = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield BIG[:PART]
        yield BIG[PART : PART + 10]
        began.set()
        await go_on.wait()
        yield BIG[PART + 10 :]

    target = f"/v2/app/blobs/uploads/?digest={digest_of(BIG)}"
    pushing = asyncio.create_task(registry.http.request("POST", target, content=body()))
    await began.wait()
    async with asyncio.timeout(10):
        while not uploads_in(bucket):
            await asyncio.sleep(0.05)
    await asyncio.sleep(OLD + 1)
    sweeper = sweeper_of(registry, bucket)
    assert await sweeper.sweep() == 0
    go_on.set()
    assert (await pushing).status_code == 201
    assert await sweeper.sweep() == 0
    assert (await registry.get(f"/v2/app/blobs/{digest_of(BIG)}")).content == BIG
    assert await registry.job("uploads.expire") == 0
