"""Commits that were done although nobody was told: what comes next finds them there, and is no error."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.application import Registry, digest_of, image
from tests.databases import rows
from tests.postgres.relay import Relay, relay
from tests.postgres.server import shared

pytestmark = pytest.mark.anyio

CONFIG = b"{}"
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
        between.lose = 3  # the look for the session, what has ended, the row, the commit
        answer = await one.request("PATCH", location, CHUNK)
        assert answer.status_code == 503
        assert rows(url, "SELECT count(*) FROM uploads") == [(1,)]
        status = await one.get(location)
        assert status.headers["range"] == f"0-{len(CHUNK) - 1}"
        answer = await one.request("PATCH", status.headers["location"], CHUNK)
        assert answer.status_code == 202
        assert (await one.request("PATCH", other, CHUNK)).status_code == 202
        await one.job("uploads.flush")
        assert (await one.close(location, digest_of(2 * CHUNK))).status_code == 201
        assert (await one.close(other, digest_of(CHUNK))).status_code == 201
        assert rows(url, "SELECT count(*) FROM uploads") == [(0,)]


async def test_what_was_pushed_is_pushed_again_and_has_happened_once(between: Relay, tmp_path: Path) -> None:
    url = shared().new_database()
    by_way = url.replace(f":{shared().port}/", f":{between.port}/")
    async with Registry(tmp_path / "one", {"database.url": by_way}) as one:
        await one.push("team/app", CONFIG)
        target = f"/v2/team/app/blobs/uploads/?digest={digest_of(CHUNK)}"
        manifest = image(CONFIG, [CHUNK])
        answers = []
        for push in (
            functools.partial(one.request, "POST", target, CHUNK),
            functools.partial(one.put, "team/app", "latest", manifest),
        ):
            between.lose = 1  # it asks, and commits
            answers += [(await push()).status_code, (await push()).status_code]
        assert answers == [503, 201, 503, 201]
        happened = rows(url, "SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind")
        assert happened == [("blob.pushed", 2), ("manifest.pushed", 1), ("tag.moved", 1)]
