"""Several workers at one session at once: one after the other, whatever each knew of it when it was asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from registry.services.uploads.session import held
from storage.drivers import load
from tests.application import Registry, digest_of
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 2000
HALF = 300_000
SEVERAL = {"server.workers": "2"}


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("known", [True, False])
async def test_a_chunk_that_comes_while_another_worker_writes_the_session_down_goes_where_it_belongs(
    tmp_path: Path, again: bool, known: bool
) -> None:
    """It is looked up while its bytes are in memory, and they are on the disk when it has the session."""
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        first = await (two if known else one).start("app")
        second = (await one.request("PATCH", first, DATA[:10])).headers["location"]
        uploads = one.app._uploads
        (session,) = uploads._table
        with uploads._partials.buffer(session):
            request = asyncio.create_task(two.request("PATCH", first if again else second, DATA[:10]))
            await asyncio.sleep(0.03)
        uploads._partials.spill(session)
        answer = await request
        assert (answer.status_code, answer.headers["range"]) == ((416, held(10)) if again else (202, held(20)))
        whole = DATA[:10] if again else DATA[:10] * 2
        assert (await one.get(first)).headers["range"] == held(len(whole))
        assert (await two.close(answer.headers["location"], digest_of(whole))).status_code == 201


async def test_a_session_is_not_buffered_while_another_worker_begins_its_partial_file(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = await one.start("app")
        assert (await two.request("PATCH", location, b"")).status_code == 202  # both know it
        (session,) = one.app._uploads._table
        ingest = one.app._uploads._partials._open(session)
        assert (await two.request("PATCH", location, DATA[:10])).status_code == 429
        ingest.write(DATA[:100])
        ingest.suspend()
        answer = await two.request("PATCH", location, DATA[100:200], {"content-range": "100-199"})
        assert (answer.status_code, answer.headers["range"]) == (202, held(200))
        assert (await one.close(answer.headers["location"], digest_of(DATA[:200]))).status_code == 201


async def test_no_partial_file_is_begun_where_another_worker_has_buffered_bytes_meanwhile(tmp_path: Path) -> None:
    root, faults = tmp_path / "root", Faults()
    driver = Faulty(load("filesystem", path=str(root / "storage")), faults)
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL, driver=driver) as two:
        location, uploads = await one.start("app"), one.app._uploads
        (session,) = uploads._table
        go_on = faults.hold("create")
        request = asyncio.create_task(two.request("PATCH", location, DATA[:HALF]))
        async with asyncio.timeout(10):
            while not faults.count("create"):
                await asyncio.sleep(0.01)
        assert uploads._partials.append_small(session, DATA[:10], lambda offset: None)
        go_on.set()
        assert (await request).status_code == 429
        answer = await one.get(location)
        assert (answer.status_code, answer.headers["range"]) == (204, held(10))
        assert (await two.close(answer.headers["location"], digest_of(DATA), DATA[10:])).status_code == 201


async def test_bytes_in_memory_are_one_requests_at_a_time(tmp_path: Path) -> None:
    """What another worker is publishing from memory is not to be appended to."""
    root, faults = tmp_path / "root", Faults()
    driver = Faulty(load("filesystem", path=str(root / "storage")), faults)
    async with Registry(root, SEVERAL, driver=driver) as one, Registry(root, SEVERAL) as two:
        location = (await one.request("PATCH", await one.start("app"), DATA[:10])).headers["location"]
        before, go_on = faults.count("put"), faults.hold("put")
        closing = asyncio.create_task(one.close(location, digest_of(DATA[:10])))
        async with asyncio.timeout(10):
            while faults.count("put") == before:
                await asyncio.sleep(0.01)
        assert (await two.request("PATCH", location, b"more")).status_code == 429
        assert (await two.close(location, digest_of(DATA[:10]))).status_code == 429
        assert (await two.request("DELETE", location)).status_code == 429
        go_on.set()
        assert (await closing).status_code == 201
        assert (await two.request("PATCH", location, b"more")).status_code == 404
