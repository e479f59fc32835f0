"""Commits that were done although nobody was told: what comes next finds them there, and is no error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.application import Registry, digest_of
from tests.databases import rows
from tests.postgres.relay import Relay, relay
from tests.postgres.server import shared

pytestmark = pytest.mark.anyio

CHUNK = b"c" * 100_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def between() -> Iterator[Relay]:
    with relay(shared().port) as made:
        yield made


async def test_a_session_that_is_there_already(between: Relay, tmp_path: Path) -> None:
    url = shared().new_database()
    by_way = url.replace(f":{shared().port}/", f":{between.port}/")
    async with Registry(tmp_path / "one", {"database.url": by_way}) as one:
        await one.push("team/app", b"the connection that writes is made")
        location = await one.start("team/app")
        other = await one.start("team/app")
        between.lose = True
        answer = await one.request("PATCH", location, CHUNK)
        assert (answer.status_code, between.lose) == (503, False)
        assert rows(url, "SELECT count(*) FROM uploads") == [(1,)]
        status = await one.get(location)
        assert status.headers["range"] == f"0-{len(CHUNK) - 1}"
        answer = await one.request("PATCH", location, CHUNK)
        assert answer.status_code == 202
        assert (await one.request("PATCH", other, CHUNK)).status_code == 202
        await one.job("uploads.flush")
        assert (await one.close(location, digest_of(2 * CHUNK))).status_code == 201
        assert (await one.close(other, digest_of(CHUNK))).status_code == 201
        assert rows(url, "SELECT count(*) FROM uploads") == [(0,)]
