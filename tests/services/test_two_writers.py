"""Two workers that begin to write to one session at the same moment, one to its buffer and one to its partial file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from storage.drivers import load
from tests.application import Registry, digest_of
from tests.departing import Departing, until
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio

LARGE, SMALL = bytes(range(256)) * 2000, b"small" * 200


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Registry, Registry, Faults]]:
    """What the storage of the second does can be held up."""
    several = {"server.workers": "2"}
    faults = Faults()
    driver = load("filesystem", path=str(tmp_path / "root/storage"))
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(Registry(tmp_path / "root", several))
        other = await stack.enter_async_context(Registry(tmp_path / "root", several, driver=Faulty(driver, faults)))
        yield one, other, faults


async def test_a_small_chunk_at_the_worker_that_began_the_session(two: tuple[Registry, Registry, Faults]) -> None:
    one, other, faults = two
    location = await one.start("app")
    large = Departing(other.app)
    large.send("PATCH", location, LARGE[:-1], length=len(LARGE))
    await until(lambda: faults.count("create") > 0)
    assert (await one.request("PATCH", location, SMALL)).status_code == 429
    large.go_on(LARGE[-1:])
    await large.ended()
    assert large.status == 202
    assert (await one.close(location, digest_of(LARGE))).status_code == 201


@pytest.mark.parametrize("first", ["file", "buffer"])
async def test_a_file_and_a_buffer_are_begun_at_once(two: tuple[Registry, Registry, Faults], first: str) -> None:
    """Both workers have found a new session. One of them has it in the end, with its bytes alone."""
    one, other, faults = two
    location = await one.start("app")
    small = Departing(one.app)
    small.send("PATCH", location, SMALL[:-1], length=len(SMALL))
    await until(lambda: small.is_read)
    large = Departing(other.app)
    if first == "buffer":
        go_on = faults.hold("create")
    large.send("PATCH", location, LARGE[:-1], length=len(LARGE))
    await until(lambda: faults.count("create") > 0)
    small.go_on(SMALL[-1:])
    await small.ended()
    if first == "buffer":
        go_on.set()
    large.go_on(LARGE[-1:])
    await large.ended()
    statuses = (small.status, large.status)
    assert statuses == ((429, 202) if first == "file" else (202, 429))
    data = LARGE if first == "file" else SMALL
    assert (await one.get(location)).headers["range"] == f"0-{len(data) - 1}"
    assert (await other.close(location, digest_of(data))).status_code == 201
