"""A request whose client has gone while it waited changes nothing: it may have been sent again, and answered, since."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from storage.drivers import load
from tests.application import Registry, digest_of, error_code
from tests.departing import Departing, until, writes_wait
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 2000
CHUNK, CUT = 300_000, 200_000
SEVERAL = {"server.workers": "2"}


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Registry, Registry, Faults]]:
    """Two workers; what the storage of the second does can be held up."""
    root, faults = tmp_path / "root", Faults()
    driver = load("filesystem", path=str(root / "storage"))
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(Registry(root, SEVERAL))
        other = await stack.enter_async_context(Registry(root, SEVERAL, driver=Faulty(driver, faults)))
        yield one, other, faults


@pytest.mark.parametrize("size", [CHUNK, 100_000])
async def test_bytes_of_a_cut_chunk_do_not_follow_those_that_came_instead(
    two: tuple[Registry, Registry, Faults], size: int
) -> None:
    """The client sends the chunk again, elsewhere, before the first request has the session."""
    one, other, faults = two
    location = await one.start("app")
    assert (await one.request("PATCH", location, b"")).status_code == 202
    await one.job("uploads.flush")
    go_on = faults.hold("resume")
    cut = Departing(other.app)
    cut.send("PATCH", location, DATA[: min(CUT, size)], length=size)
    await until(lambda: faults.count("resume") + faults.count("create") > 0)
    cut.depart()
    headers = {"content-range": f"0-{CHUNK - 1}"}
    answer = await one.request("PATCH", location, DATA[:CHUNK], headers)
    assert (answer.status_code, answer.headers["range"]) == (202, f"0-{CHUNK - 1}")
    go_on.set()
    await cut.ended()
    assert (await one.get(location)).headers["range"] == f"0-{CHUNK - 1}"
    assert (await other.close(answer.headers["location"], digest_of(DATA[:CHUNK]))).status_code == 201


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("size", [0, 100, CHUNK])
async def test_nothing_is_done_for_a_client_that_is_gone(
    two: tuple[Registry, Registry, Faults], method: str, size: int
) -> None:
    one, other, faults = two
    location = await one.start("app")
    answer = await one.request("PATCH", location, DATA)
    await one.job("uploads.flush")
    go_on = faults.hold("resume")
    request = Departing(other.app)
    target = answer.headers["location"] + ("" if method != "PUT" else f"?digest={digest_of(DATA + DATA[:size])}")
    request.send(method, target, DATA[:size])
    await until(lambda: faults.count("resume") > 0)
    request.depart()
    go_on.set()
    await request.ended()
    assert request.status == 0
    answer = await one.get(location)
    assert (answer.status_code, answer.headers["range"]) == (204, f"0-{len(DATA) - 1}")
    assert (await one.close(answer.headers["location"], digest_of(DATA))).status_code == 201


async def test_no_blob_is_mounted_for_a_client_that_is_gone(registry: Registry) -> None:
    digest = await registry.push("app", DATA)
    async with writes_wait(registry):
        request = Departing(registry.app)
        request.send("POST", f"/v2/other/blobs/uploads/?mount={digest}&from=app")
        await asyncio.sleep(0.1)
        request.depart()
    await request.ended()
    assert request.status == 0
    answer = await registry.get(f"/v2/other/blobs/{digest}")
    assert answer.status_code == 404
    assert error_code(answer) in {"BLOB_UNKNOWN", "NAME_UNKNOWN"}
