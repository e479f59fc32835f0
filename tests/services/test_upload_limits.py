"""The bound on the sessions of a client, over several workers; and the table of a session's life."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from registry.services.uploads import uploads
from registry.services.uploads.life import NEXT, IllegalStep, Life, step
from registry.services.uploads.table import SLACK
from tests.application import Registry
from tests.databases import rows

pytestmark = pytest.mark.anyio

MOST = 12
SETTINGS = {"server.workers": "2", "limits.uploads_per_client": str(MOST)}


async def opened(registry: Registry) -> str:
    answer = await registry.request("POST", "/v2/app/blobs/uploads/")
    return answer.headers["location"] if answer.status_code == 202 else ""


async def test_the_bound_holds_over_all_workers(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SETTINGS) as one, Registry(root, SETTINGS) as two:
        found = await asyncio.gather(*(opened(worker) for _ in range(20) for worker in (one, two)))
        for worker in (one, two):
            await worker.job("uploads.flush")
        live = [location for location in found if location and (await one.get(location)).status_code == 204]
        # Beyond it is at most what the other worker had not written down yet.
        assert MOST <= len(live) == len([location for location in found if location]) <= MOST + MOST // SLACK
        assert rows(one.config.database.url, "select count(*) from uploads") == [(len(live),)]
        for worker in (one, two):
            assert not await opened(worker), "all are written down: there is no room"


async def test_few_sessions_of_a_worker_are_not_counted_by_the_others(tmp_path: Path) -> None:
    root, most, uncounted = tmp_path / "root", 300, 64
    settings = SETTINGS | {"limits.uploads_per_client": str(most)}
    async with Registry(root, settings) as one, Registry(root, settings) as two:
        for _ in range(most // 4 - 1):
            assert await opened(two)
        found = [location for _ in range(most + 1) if (location := await opened(one))]
        assert most - (most // 4 - 1) <= len(found) <= most - (most // 4 - 1) + uncounted
        await two.job("uploads.flush")
        assert not await opened(one)
        assert not await opened(two)


async def test_the_oldest_idle_sessions_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    async with Registry(root, SETTINGS) as one, Registry(root, SETTINGS) as two:
        found = []
        for number in range(MOST):
            found.append(await opened((one, two)[number % 2]))
            await asyncio.sleep(0.01)  # so that each is older than the next
        assert all(found)
        assert not await opened(one), "none is idle yet"
        monkeypatch.setattr(uploads, "IDLE_MS", 100)
        await asyncio.sleep(0.2)
        assert (await one.request("PATCH", found[0], b"used")).status_code == 202
        await one.job("uploads.flush")
        assert await opened(two)
        assert (await two.get(found[1])).status_code == 404
        for location in (found[0], *found[2:]):
            assert (await two.get(location)).status_code == 204


def test_every_step_that_the_table_does_not_have_is_refused() -> None:
    for now in Life:
        for then in Life:
            if now is then or then in NEXT[now]:
                assert step(now, then) is then
            else:
                with pytest.raises(IllegalStep):
                    step(now, then)
    assert not NEXT[Life.GONE]
    assert all(Life.GONE in after for state, after in NEXT.items() if state is not Life.GONE)
