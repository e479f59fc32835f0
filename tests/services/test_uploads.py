"""Upload sessions over several workers, restarts and time."""

from __future__ import annotations

import asyncio
import time
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
        location, before = await one.start("app"), faults.count("read")  # the storage marker
        for part in (DATA[:HALF], DATA[HALF:]):
            answer = await one.request("PATCH", location, part)
            assert answer.status_code == 202
            location = answer.headers["location"]
        assert (await two.get(location)).headers["range"] == held(len(DATA))
        assert (await two.close(location, DIGEST)).status_code == 201
        assert (faults.count("open"), faults.count("read")) == (0, before)
        assert faults.count("commit") == 1
        assert (await one.get(f"/v2/app/blobs/{DIGEST}")).content == DATA
        assert (await one.get(location)).status_code == 404
        assert sessions(one) == 0
        assert partials(one) == []


async def test_a_closing_put_with_bytes_on_another_worker_is_right_too(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = await one.start("app")
        location = (await one.request("PATCH", location, DATA[:HALF])).headers["location"]
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
async def test_another_worker_knows_a_session_before_it_is_written_down(tmp_path: Path, size: int) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = (await one.request("PATCH", await one.start("app"), DATA[:size])).headers["location"]
        assert sessions(one) == (1 if size > 65_536 else 0)
        answer = await two.get(location)
        assert (answer.status_code, answer.headers["range"]) == (204, f"0-{max(size - 1, 0)}")
        whole = DATA[:size]
        for number, worker in enumerate((two, one, one, two)):
            if number == 2:
                for each in (one, two):
                    await each.job("uploads.flush")
            answer = await worker.request("PATCH", location, b"more")
            whole += b"more"
            assert (answer.status_code, answer.headers["range"]) == (202, held(len(whole)))
            location = answer.headers["location"]
        assert (await one.get(location)).headers["range"] == held(len(whole))
        assert (await two.close(location, digest_of(whole))).status_code == 201


async def test_a_put_right_after_the_post_reads_and_waits_for_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        for size in (0, 1, 1000, 300_000):
            location = await one.start("app")
            assert (await two.close(location, digest_of(DATA[:size]), DATA[:size])).status_code == 201
            assert sessions(two) == 0
            for worker in (one, two):
                assert (await worker.get(f"/v2/app/blobs/{digest_of(DATA[:size])}")).content == DATA[:size]
        assert partials(one) == []


@pytest.mark.parametrize("size", [10, 100_000, HALF])
@pytest.mark.parametrize("worker", [0, 1])
async def test_a_chunk_sent_again_after_a_lost_answer_is_not_appended_twice(
    tmp_path: Path, size: int, worker: int
) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        location = await one.start("app")
        answer = await one.request("PATCH", location, DATA[:size])
        again = await (one, two)[worker].request("PATCH", location, DATA[:size])
        assert again.status_code == 416
        assert again.headers["range"] == held(size)
        assert again.headers["location"] == answer.headers["location"]
        answer = await two.request("PATCH", location, b"more", {"content-range": f"{size}-{size + 3}"})
        assert (answer.status_code, answer.headers["range"]) == (202, held(size + 4))
        assert (await two.close(location, digest_of(DATA), DATA[size:])).status_code == 416
        assert (await two.close(location, digest_of(DATA[:size] + b"more"))).status_code == 201


@pytest.mark.parametrize("settings", [{}, SEVERAL], ids=["one", "several"])
async def test_what_never_was_or_is_over_is_answered_at_once(tmp_path: Path, settings: dict[str, str]) -> None:
    root = tmp_path / "root"
    async with Registry(root, settings) as one, Registry(root, settings) as two:
        started = time.monotonic()
        live, cancelled, ended, refused = [await one.start("app") for _ in range(4)]
        assert (await one.request("DELETE", cancelled)).status_code == 204
        assert (await one.close(ended, digest_of(b"x"), b"x")).status_code == 201
        assert (await one.close(refused, digest_of(b"x"), b"y")).status_code == 400
        upload = live.rpartition("/")[2]
        other = "0" if upload[31] != "0" else "1"
        invented = [upload[:31] + other, upload[:31] + other + upload[32:], "0" * 32, "x", upload + "0"]
        invented += [upload.replace("sha256", "md5"), upload.replace(".0.", ".10."), upload[:-1] + "x"]
        for gone in [cancelled, ended, refused, *(f"/v2/app/blobs/uploads/{text}" for text in invented)]:
            for worker in (one, two):
                for method in ("GET", "PATCH", "DELETE", "PUT"):
                    query = "" if method != "PUT" else f"?digest={digest_of(b'')}"
                    answer = await worker.request(method, gone + query)
                    assert (answer.status_code, error_code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN"), (gone, method)
        assert time.monotonic() - started < 5, "these are nearly a hundred requests"
        assert sessions(one) == 0


async def test_a_location_without_a_signature_stands_at_the_beginning(registry: Registry) -> None:
    answer = await registry.request("POST", "/v2/app/blobs/uploads/")
    bare = f"/v2/app/blobs/uploads/{answer.headers['docker-upload-uuid']}"
    assert (await registry.request("PATCH", bare, DATA[:10])).status_code == 202
    assert (await registry.request("PATCH", bare, DATA[10:20])).status_code == 416
    answer = await registry.request("PATCH", bare, DATA[10:20], {"content-range": "10-19"})
    assert (answer.status_code, answer.headers["range"]) == (202, held(20))
    assert (await registry.close(bare, digest_of(DATA[:20]))).status_code == 201


@pytest.mark.parametrize("wanted", [1_000_000, 10_000, 300_000])
@pytest.mark.parametrize("before", [0, 10, 100_000])
async def test_a_chunk_that_is_not_as_long_as_its_range_leaves_nothing(
    registry: Registry, wanted: int, before: int
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield DATA[before : before + 150_000]
        yield DATA[before + 150_000 : before + 250_000]

    location = (await registry.request("PATCH", await registry.start("app"), DATA[:before])).headers["location"]
    headers = {"content-range": f"{before}-{before + wanted - 1}"}
    answer = await registry.http.patch(location, content=body(), headers=headers)
    assert (answer.status_code, error_code(answer)) == (400, "BLOB_UPLOAD_INVALID")
    answer = await registry.get(location)
    assert answer.headers["range"] == f"0-{max(before - 1, 0)}"
    assert (await registry.close(answer.headers["location"], DIGEST, DATA[before:])).status_code == 201


async def test_what_one_worker_ended_is_over_for_the_other(tmp_path: Path) -> None:
    root = tmp_path / "root"
    async with Registry(root, SEVERAL) as one, Registry(root, SEVERAL) as two:
        for body in (b"", DATA[:10], DATA):
            location = await one.start("app")
            await one.job("uploads.flush")
            answer = await two.request("PATCH", location, body)
            assert answer.status_code == 202
            location = answer.headers["location"]
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
        assert (await after.close(answer.headers["location"], DIGEST, DATA[size:])).status_code == 201
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
