"""Health: the process answers, database and storage are really touched, and draining shows."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from storage.drivers import load
from tests.application import Registry
from tests.databases import rows
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio


async def test_well(registry: Registry) -> None:
    assert (await registry.get("/healthz")).json() == {"status": "ok"}
    answer = await registry.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "database": "ok", "storage": "ok"})


async def test_storage_fails(tmp_path: Path) -> None:
    faults = Faults()
    async with Registry(tmp_path / "root", driver=Faulty(load("memory"), faults)) as registry:
        faults.fail("probe", errno.EIO)
        answer = await registry.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["database"] == "ok"
        assert "Input/output error" in answer.json()["storage"]
        assert (await registry.get("/healthz")).status_code == 200
        assert (await registry.get("/readyz")).status_code == 200


async def test_the_database_is_written(registry: Registry) -> None:
    def probed() -> int:
        return int(rows(registry.config.database.url, "select coalesce(max(at), 0) from probes")[0][0])

    assert (await registry.get("/readyz")).status_code == 200
    assert probed() > 0


async def test_draining(registry: Registry) -> None:
    registry.app.draining = True
    answer = await registry.get("/readyz")
    assert (answer.status_code, answer.json()["server"]) == (503, "draining")


async def test_metrics(registry: Registry, tmp_path: Path) -> None:
    await registry.get("/v2/")
    answer = await registry.get("/metrics")
    assert answer.status_code == 200
    assert 'route="base"' in answer.text
    async with Registry(tmp_path / "without", {"metrics.enabled": "false"}) as without:
        assert (await without.get("/metrics")).status_code == 404


async def test_the_lag_of_followers_is_a_metric(registry: Registry) -> None:
    await registry.push("app", b"bytes")
    await registry.job("layout.follow")
    await registry.job("layout.follow")
    assert 'entrepot_follower_lag_events{follower="layout"} 0.0' in (await registry.get("/metrics")).text
    rows(registry.config.database.url, "update events set at = at - 90000")
    rows(registry.config.database.url, "update event_cursors set event_id = event_id - 1")
    text = (await registry.get("/metrics")).text
    assert 'entrepot_follower_lag_events{follower="layout"} 1.0' in text
    assert 90 <= float(text.split('entrepot_follower_lag_seconds{follower="layout"} ')[1].split()[0]) < 200
