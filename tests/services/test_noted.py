"""What a client was told of a blob, it may act on for a while: leases, taken without a write in the way of a HEAD."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.metadata.clock import now_ms
from registry.metadata.errors import DatabaseUnavailable
from registry.services import noted
from registry.services.noted import Noted
from tests.application import Registry, digest_of
from tests.databases import rows
from tests.services.parts import ACTOR, LEASE_SECONDS, Parts

pytestmark = pytest.mark.anyio

DAY = 86_400_000
DATA = b"bytes"


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with Registry(tmp_path / "root", {"uploads.expire_after": "1d"}) as running:
        yield running


def lapse(registry: Registry) -> None:
    rows(registry.config.database.url, "update repository_blobs set leased_until = 0")


def leases(registry: Registry) -> list[bool]:
    """Of each membership, whether it is leased for about a day."""
    found = rows(
        registry.config.database.url, "select leased_until from repository_blobs order by repository_id, blob_id"
    )
    return [now_ms() + DAY - 120_000 < until <= now_ms() + DAY for (until,) in found]


async def test_a_pushed_blob_is_leased_and_again_when_it_is_pushed_again(registry: Registry) -> None:
    for _ in range(2):
        await registry.push("app", DATA)
        assert leases(registry) == [True]
        lapse(registry)


async def test_a_large_one_too(registry: Registry) -> None:
    data = bytes(300_000)
    location = (await registry.request("PATCH", await registry.start("app"), data)).headers["location"]
    assert (await registry.close(location, digest_of(data))).status_code == 201
    assert leases(registry) == [True]


async def test_a_mounted_blob_is_leased_and_again_when_it_is_there_already(registry: Registry) -> None:
    digest = await registry.push("app", DATA)
    for _ in range(2):
        lapse(registry)
        answer = await registry.request("POST", f"/v2/other/blobs/uploads/?mount={digest}&from=app")
        assert answer.status_code == 201
        assert leases(registry) == [False, True]


async def test_a_head_leases_what_it_confirms_and_writes_nothing_itself(registry: Registry) -> None:
    digest = await registry.push("app", DATA)
    await registry.push("app", b"another")
    lapse(registry)
    target = f"/v2/app/blobs/{digest}"
    assert (await registry.request("HEAD", target)).status_code == 200
    assert leases(registry) == [False, False]
    await registry.job("content.noted")
    assert leases(registry) == [True, False]
    lapse(registry)
    await registry.get(target)  # who reads has the bytes
    await registry.request("HEAD", f"/v2/app/blobs/{digest_of(b'missing')}")
    await registry.job("content.noted")
    assert leases(registry) == [False, False]


async def test_what_was_confirmed_is_written_at_the_end_too(tmp_path: Path) -> None:
    async with Registry(tmp_path / "root") as registry:
        digest = await registry.push("app", DATA)
        lapse(registry)
        await registry.request("HEAD", f"/v2/app/blobs/{digest}")
    assert leases(registry) == [True]


async def test_a_blob_confirmed_again_and_again_is_written_once(registry: Registry) -> None:
    digest = await registry.push("app", DATA)
    version = "select leased_until from repository_blobs"
    before = rows(registry.config.database.url, version)
    await asyncio.sleep(0.01)
    for _ in range(3):
        await registry.request("HEAD", f"/v2/app/blobs/{digest}")
        await registry.job("content.noted")
    assert rows(registry.config.database.url, version) == before


async def test_many_are_written_at_once_in_transactions_that_end(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noted, "MANY_CONFIRMED", 5)
    monkeypatch.setattr(noted, "BATCH", 2)
    digests = [await parts.push("app", b"%d" % number, f"upload{number}") for number in range(5)]
    parts.database.write_now(lambda s: s.sql("update repository_blobs set leased_until = 0"))
    for digest in digests:
        await parts.pull.blob_size("app", digest, ACTOR)
    async with asyncio.timeout(10):
        while leased(parts) < len(digests):
            await asyncio.sleep(0.01)
    assert parts.pull.noted.confirmed == set()


async def test_nothing_is_forgotten_when_the_database_is_away(parts: Parts) -> None:
    digest = await parts.push("app", DATA)
    kept = Noted(parts.database, LEASE_SECONDS)
    kept.confirm(("app", str(digest)))
    kept.read(str(digest))
    parts.database.close()
    with pytest.raises(DatabaseUnavailable):
        await kept.flush()
    assert kept.confirmed == {("app", str(digest))}


def leased(parts: Parts) -> int:
    [(count,)] = parts.database.read_now(
        lambda s: s.sql("select count(*) from repository_blobs where leased_until > 0")
    )
    return int(count)
