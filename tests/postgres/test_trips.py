"""How often the index waits for its server, as nothing costs a push more where that is another machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from tests.application import OCI_MANIFEST, Registry, described, digest_of, image, index
from tests.postgres.relay import Relay, relay
from tests.postgres.server import shared

pytestmark = pytest.mark.anyio

CONFIG, LAYER = b'{"seed": "trips"}', b"a layer"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[tuple[Registry, Relay]]:
    with relay(shared().port) as between:
        url = shared().new_database().replace(f":{shared().port}/", f":{between.port}/")
        async with Registry(tmp_path / "root", {"database.url": url}) as registry:
            await registry.push("team/first", b"connections are made, and statements are prepared")
            await registry.put("team/first", "first", image(CONFIG, []))
            await registry.request("HEAD", f"/v2/team/first/blobs/{digest_of(b'nothing')}")
            yield registry, between


async def trips(between: Relay, *work: Awaitable[object]) -> int:
    before = between.trips
    for one in work:
        await one
    await asyncio.sleep(0.01)
    return between.trips - before


async def test_a_push(counted: tuple[Registry, Relay]) -> None:
    registry, between = counted
    assert await trips(between, registry.push("team/app", CONFIG)) == 3  # the repository is made as well
    assert await trips(between, registry.push("team/app", LAYER)) == 2
    assert await trips(between, registry.put("team/app", "latest", image(CONFIG, [LAYER]))) == 2
    assert await trips(between, registry.put("team/app", "latest", image(CONFIG, [LAYER]))) == 2
    assert await trips(between, registry.request("HEAD", f"/v2/team/app/blobs/{digest_of(LAYER)}")) == 1
    assert await trips(between, registry.request("HEAD", f"/v2/team/app/blobs/{digest_of(b'missing')}")) == 1


async def test_a_mount(counted: tuple[Registry, Relay]) -> None:
    registry, between = counted
    digest = await registry.push("team/app", LAYER)
    target = f"/v2/team/other/blobs/uploads/?mount={digest}&from=team/app"
    assert await trips(between, registry.request("POST", target)) == 3  # the repository is made as well
    assert await trips(between, registry.request("POST", target)) == 2
    assert await trips(between, registry.request("HEAD", f"/v2/team/other/blobs/{digest}")) == 1


async def test_a_long_list_of_referrers_at_a_tag(counted: tuple[Registry, Relay]) -> None:
    """Such as clients of registries without the API for them have left; anybody who pushes can make one."""
    registry, between = counted
    subject = digest_of(b"the subject")
    children = [described(b"%d" % number, OCI_MANIFEST) for number in range(2000)]
    await registry.push("team/app", CONFIG)
    answer = await registry.put("team/app", subject.replace(":", "-"), index(children))
    assert answer.status_code == 201, answer.text
    referrer = image(CONFIG, [], artifactType="application/x")
    answer = await registry.put("team/app", digest_of(referrer), referrer)
    children[1500] = described(referrer, OCI_MANIFEST)
    await registry.put("team/app", subject.replace(":", "-"), index(children))
    began = time.monotonic()
    assert await trips(between, registry.get(f"/v2/team/app/referrers/{subject}")) <= 4
    found = (await registry.get(f"/v2/team/app/referrers/{subject}")).json()["manifests"]
    assert [one["digest"] for one in found] == [digest_of(referrer)]
    assert time.monotonic() - began < 2
