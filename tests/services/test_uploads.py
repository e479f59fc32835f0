"""Upload sessions over several workers, restarts and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.drivers import load
from tests.application import Registry, digest_of, error_code
from tests.databases import rows
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 4096
HALF = len(DATA) // 2
DIGEST = digest_of(DATA)
SEVERAL = {"server.workers": "2"}
"""As each of several workers is configured: what one knows, the rest must be able to find."""


def held(count: int) -> str:
    return f"0-{count - 1}"


def sessions(registry: Registry) -> int:
    """Rows of sessions."""
    return int(rows(registry.config.database.url, "select count(*) from uploads")[0][0])


def partials(registry: Registry) -> list[Path]:
    """Partial files."""
    return [path for path in registry.tree.rglob("data") if "_uploads" in path.parts]


async def test_the_closing_put_on_another_worker_reads_nothing(tmp_path: Path) -> None:
    driver, root = load("filesystem", path=str(tmp_path / "root" / "storage")), tmp_path / "root"
    faults = Faults()
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL, driver=Faulty(driver, faults)) as two:
        location = await one.start("app")
        for part in (DATA[:HALF], DATA[HALF:]):
            answer = await one.request("PATCH", location, part)
            assert answer.status_code == 202
        assert (await two.get(location)).headers["range"] == held(len(DATA))
        assert (await two.close(location, DIGEST)).status_code == 201
        assert faults.count("open") == faults.count("read") == 0
        assert faults.count("commit") == 1
        assert (await one.get(f"/v2/app/blobs/{DIGEST}")).content == DATA
        assert (await one.get(location)).status_code == 404
        assert sessions(one) == 0
        assert partials(one) == []


async def test_a_closing_put_with_bytes_on_another_worker_is_right_too(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = await one.start("app")
        assert (await one.request("PATCH", location, DATA[:HALF])).status_code == 202
        assert (await two.close(location, DIGEST, DATA[HALF:])).status_code == 201
        assert (await one.get(f"/v2/app/blobs/{DIGEST}")).content == DATA


async def test_chunks_in_turn_on_two_workers(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location, step = await one.start("app"), len(DATA) // 8
        for number, worker in enumerate([one, two] * 4):
            start = number * step
            headers = {"content-range": f"{start}-{start + step - 1}"}
            answer = await worker.request("PATCH", location, DATA[start : start + step], headers)
            assert (answer.status_code, answer.headers["range"]) == (202, held(start + step))
            again = await worker.request("PATCH", location, DATA[start : start + step], headers)
            assert (again.status_code, again.headers["range"]) == (416, held(start + step))
        assert (await one.close(location, DIGEST)).status_code == 201
        assert (await two.get(f"/v2/app/blobs/{DIGEST}")).content == DATA


@pytest.mark.parametrize("size", [0, 10, 100_000])
async def test_another_worker_waits_until_a_session_is_written_down(tmp_path: Path, size: int) -> None:
    """What fits in memory waits there for a moment, with several workers too."""
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = await one.start("app")
        assert (await one.request("PATCH", location, DATA[:size])).status_code == 202
        asked = asyncio.create_task(two.get(location))
        await asyncio.sleep(0.2)
        assert asked.done() is (size > 65_536)
        await one.job("uploads.flush")
        answer = await asked
        assert (answer.status_code, answer.headers["range"]) == (204, f"0-{max(size - 1, 0)}")
        for worker in (two, one, two):  # from now on each of them knows at once what the other has done
            answer = await worker.request("PATCH", location, b"more")
            size += 4
            assert (answer.status_code, answer.headers["range"]) == (202, held(size))
        assert (await one.get(location)).headers["range"] == held(size)


async def test_bytes_in_memory_are_not_shown_without_them(tmp_path: Path) -> None:
    """A session is not written down while a request of its own worker has the bytes that it holds."""
    root = tmp_path / "root"
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield DATA[10:15]
        arrived.set()
        await go_on.wait()
        yield DATA[15:20]

    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = await one.start("app")
        assert (await one.request("PATCH", location, DATA[:10])).status_code == 202
        writing = asyncio.create_task(one.http.patch(location, content=body(), headers={"content-length": "10"}))
        await asyncio.wait_for(arrived.wait(), 10)
        await one.job("uploads.flush")
        assert sessions(one) == 0
        go_on.set()
        assert (await writing).headers["range"] == held(20)
        await one.job("uploads.flush")
        assert (await two.get(location)).headers["range"] == held(20)
        assert (await two.close(location, digest_of(DATA[:20]))).status_code == 201


async def test_what_one_worker_ended_is_over_for_the_other(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        for body in (b"", DATA[:10], DATA):
            location = await one.start("app")
            await one.job("uploads.flush")
            assert (await two.request("PATCH", location, body)).status_code == 202
            assert (await one.request("DELETE", location)).status_code == 204
            for worker in (one, two):
                answer = await worker.request("PATCH", location, b"more")
                assert (answer.status_code, error_code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")
        assert partials(one) == []


async def test_the_offset_after_a_crash_is_the_files(tmp_path: Path) -> None:
    """The worker that took the chunk is never heard of again; nor is the last thing it did to the row."""
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as crashed:
        location = await crashed.start("app")
        assert (await crashed.request("PATCH", location, DATA[:HALF])).status_code == 202
        (partial,) = partials(crashed)
        with partial.open("ab") as file:
            file.write(DATA[HALF : HALF + 1000])
        async with Registry(root, SEVERAL) as started:
            answer = await started.get(location)
            assert (answer.status_code, answer.headers["range"]) == (204, held(HALF + 1000))
            headers = {"content-range": f"{HALF + 1000}-{len(DATA) - 1}"}
            answer = await started.request("PATCH", location, DATA[HALF + 1000 :], headers)
            assert answer.status_code == 202
            assert (await started.close(location, DIGEST)).status_code == 201
            assert (await started.get(f"/v2/app/blobs/{DIGEST}")).content == DATA


async def test_bytes_changed_behind_its_back_are_noticed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = await one.start("app")
        assert (await one.request("PATCH", location, DATA)).status_code == 202
        (partial,) = partials(one)
        partial.write_bytes(DATA[:-1] + b"!")
        answer = await two.close(location, DIGEST)
        assert (answer.status_code, error_code(answer)) == (400, "DIGEST_INVALID")
        assert (await one.get(f"/v2/app/blobs/{DIGEST}")).status_code == 404


@pytest.mark.parametrize("settings", [{}, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("size", [0, 10, 100_000, HALF])
async def test_sessions_go_on_after_a_restart(tmp_path: Path, settings: dict[str, str], size: int) -> None:
    root = tmp_path / "root"
    async with Registry(root, settings) as before:
        location = await before.start("app")
        assert (await before.request("PATCH", location, DATA[:size])).status_code == 202
    async with Registry(root, settings) as after:
        answer = await after.get(location)
        assert (answer.status_code, answer.headers["range"]) == (204, f"0-{max(size - 1, 0)}")
        assert (await after.close(location, DIGEST, DATA[size:])).status_code == 201
        assert (await after.get(f"/v2/app/blobs/{DIGEST}")).content == DATA


@pytest.mark.parametrize("settings", [{}, SEVERAL], ids=["one", "several"])
async def test_expiry_removes_bytes_and_row(tmp_path: Path, settings: dict[str, str]) -> None:
    async with Registry(tmp_path / "root", settings | {"uploads.expire_after": "1s"}) as registry:
        empty, begun = await registry.start("app"), await registry.start("app")
        assert (await registry.request("PATCH", begun, DATA)).status_code == 202
        await registry.job("uploads.flush")
        await registry.job("uploads.expire")
        assert (await registry.get(begun)).status_code == 204
        for _ in range(2):
            await asyncio.sleep(1.1)
            for kind in ("uploads.flush", "uploads.expire"):
                await registry.job(kind)
        assert sessions(registry) == 0
        assert partials(registry) == []
        for location in (empty, begun):
            assert error_code(await registry.get(location)) == "BLOB_UPLOAD_UNKNOWN"


async def test_a_small_body_that_comes_slowly_does_not_expire(tmp_path: Path) -> None:
    """It is read whole before the file is begun, so that no lock tells the other worker of it."""
    root, settings = tmp_path / "root", SEVERAL | {"uploads.expire_after": "1s"}
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield DATA[:5]
        await go_on.wait()
        yield DATA[5:10]

    async with Registry(root, settings) as one, Registry(root, settings) as two:
        location = await one.start("app")
        await one.job("uploads.flush")
        writing = asyncio.create_task(one.http.patch(location, content=body(), headers={"content-length": "10"}))
        for _ in range(6):
            await asyncio.sleep(0.3)
            await one.job("uploads.flush")
            await two.job("uploads.expire")
        go_on.set()
        assert (await writing).status_code == 202
        assert (await two.close(location, digest_of(DATA[:10]))).status_code == 201


async def test_a_session_being_written_to_does_not_expire(tmp_path: Path) -> None:
    """By another worker, too: its lock is what counts."""
    root, settings = tmp_path / "root", SEVERAL | {"uploads.expire_after": "1s"}
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield DATA[:HALF]
        arrived.set()
        await go_on.wait()
        yield DATA[HALF:]

    async with Registry(root, settings) as one, Registry(root, settings) as two:
        location = await one.start("app")
        writing = asyncio.create_task(one.http.patch(location, content=body()))
        await asyncio.wait_for(arrived.wait(), 10)
        await asyncio.sleep(1.2)
        for worker in (one, two):
            await worker.job("uploads.expire")
        go_on.set()
        assert (await writing).status_code == 202
        assert (await two.close(location, DIGEST)).status_code == 201


@pytest.mark.parametrize("settings", [{}, SEVERAL], ids=["one", "several"])
async def test_sessions_of_a_client_are_bounded(tmp_path: Path, settings: dict[str, str]) -> None:
    root, bounded = tmp_path / "root", settings | {"limits.uploads_per_client": "3"}
    async with Registry(root, bounded) as registry:
        locations = [await registry.start("app") for _ in range(3)]
        answer = await registry.request("POST", "/v2/other/blobs/uploads/")
        assert (answer.status_code, error_code(answer)) == (429, "TOOMANYREQUESTS")
        assert int(answer.headers["retry-after"]) > 0
        assert (await registry.request("DELETE", locations[0])).status_code == 204
        assert (await registry.close(locations[1], digest_of(b"x"), b"x")).status_code == 201
        await registry.start("app")
        await registry.start("app")
        assert (await registry.request("POST", "/v2/other/blobs/uploads/")).status_code == 429
        await registry.push("app", b"a blob in one request opens none")


async def test_a_session_belongs_to_its_repository(registry: Registry) -> None:
    location = await registry.start("app")
    for method in ("GET", "PATCH", "DELETE"):
        answer = await registry.request(method, location.replace("/app/", "/other/"))
        assert (answer.status_code, error_code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")
    answer = await registry.close(location.replace("/app/", "/other/"), digest_of(b"x"), b"x")
    assert answer.status_code == 404
    assert (await registry.close(location, digest_of(b"x"), b"x")).status_code == 201


async def test_the_wrong_digest_ends_the_session(registry: Registry) -> None:
    for data in (b"small", DATA):
        location = await registry.start("app")
        assert (await registry.request("PATCH", location, data)).status_code == 202
        answer = await registry.close(location, digest_of(b"other"))
        assert (answer.status_code, error_code(answer)) == (400, "DIGEST_INVALID")
        assert (await registry.get(location)).status_code == 404
        assert partials(registry) == []
