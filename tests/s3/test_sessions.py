"""Upload sessions over a bucket: any shape of body, gone on with by any worker, one writer at a time, no litter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from registry.metadata import uploads
from registry.metadata.clock import now_ms
from registry.services.uploads import row_lease
from storage import paths
from storage.ingest import IngestState
from tests.application import Registry, digest_of, error_code
from tests.departing import Departing, writes_wait
from tests.protocol.content import noise
from tests.s3.calls import INTERNAL, Call, Fault
from tests.s3.registry import PART, Bucket

pytestmark = pytest.mark.anyio

DATA = noise(4 * PART + 54_321, "sessions")
ODD = (2, 70_000, PART, 100_000, 65_536, 2 * PART - 1, 3)
"""Sizes of chunks; what is left of the data follows."""


@pytest.fixture
async def one(tmp_path: Path, bucket: Bucket) -> AsyncIterator[Registry]:
    """A worker that is the only one."""
    async with Registry(tmp_path / "root", bucket.settings) as running:
        yield running


@pytest.fixture
async def two(tmp_path: Path, bucket: Bucket) -> AsyncIterator[list[Registry]]:
    """Workers over one database and one bucket."""
    settings = bucket.settings | {"server.workers": "2"}
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Registry(tmp_path / "root", settings)) for _ in range(2)]


def chunks() -> list[tuple[int, bytes]]:
    """Where each of the odd chunks starts, and its bytes."""
    found, start = [], 0
    for size in (*ODD, len(DATA) - sum(ODD)):
        found.append((start, DATA[start : start + size]))
        start += size
    return found


async def patch(registry: Registry, location: str, start: int, data: bytes) -> int:
    headers = {"content-range": f"{start}-{start + len(data) - 1}"}
    return (await registry.request("PATCH", location, data, headers)).status_code


async def offset(registry: Registry, location: str) -> int:
    """Where the session says it is."""
    answer = await registry.get(location)
    assert answer.status_code == 204, answer.text
    last = int(answer.headers["range"].partition("-")[2])
    return last + 1 if last else 0


async def written_down(registry: Registry) -> None:
    await registry.job("uploads.flush")


def litter(bucket: Bucket) -> list[str]:
    """Keys of what belongs to uploads; the places of blobs are no litter."""
    return bucket.keys("_uploads")


async def test_chunks_of_odd_sizes(one: Registry, bucket: Bucket) -> None:
    location = await one.start("app")
    for start, data in chunks():
        assert await patch(one, location, start, data) == 202
        assert await offset(one, location) == start + len(data)
    assert (await one.close(location, digest_of(DATA))).status_code == 201
    assert (await one.get(f"/v2/app/blobs/{digest_of(DATA)}")).content == DATA
    assert litter(bucket) == []
    assert len(bucket.keys("/placed/")) == 1


async def test_any_request_on_any_worker(two: list[Registry], bucket: Bucket) -> None:
    location = await two[0].start("app")
    await written_down(two[0])
    for number, (start, data) in enumerate(chunks()):
        assert await patch(two[number % 2], location, start, data) == 202
        for worker in two:
            assert await offset(worker, location) == start + len(data)
    assert (await two[1].close(location, digest_of(DATA))).status_code == 201
    for worker in two:
        assert (await worker.get(location)).status_code == 404
        assert (await worker.get(f"/v2/app/blobs/{digest_of(DATA)}")).content == DATA
    assert litter(bucket) == []


async def test_a_wrong_digest_leaves_nothing_also_when_others_hashed_the_beginning(
    two: list[Registry], bucket: Bucket
) -> None:
    for last in (0, 1):
        location = await two[0].start("app")
        await written_down(two[0])
        for start in range(0, len(DATA), PART):
            assert await patch(two[start // PART % 2], location, start, DATA[start : start + PART]) == 202
        answer = await two[last].close(location, digest_of(b"something else"))
        assert (answer.status_code, error_code(answer)) == (400, "DIGEST_INVALID")
        assert (await two[1 - last].get(location)).status_code == 404
        assert bucket.keys("_uploads") + bucket.keys("/placed/") + bucket.keys("/blobs/") == []


def open_parts(bucket: Bucket) -> int:
    """How many multipart uploads the bucket knows."""
    return len(bucket.s3.list_multipart_uploads(Bucket=bucket.name).get("Uploads", []))


async def test_a_cancelled_upload_leaves_nothing(two: list[Registry], bucket: Bucket) -> None:
    location = await two[0].start("app")
    await written_down(two[0])
    assert await patch(two[0], location, 0, DATA[: PART + 100_000]) == 202
    assert len(litter(bucket)) == 1
    assert (await two[1].request("DELETE", location)).status_code == 204
    assert bucket.keys("_uploads") + bucket.keys("/placed/") == []
    for worker in two:
        assert (await worker.get(location)).status_code == 404
    assert open_parts(bucket) == 0


async def test_a_chunk_out_of_order_is_refused_by_either_worker(two: list[Registry]) -> None:
    location = await two[0].start("app")
    await written_down(two[0])
    assert await patch(two[0], location, 0, DATA[:1000]) == 202
    for worker in two:
        answer = await worker.request("PATCH", location, b"x" * 10, {"content-range": "500-509"})
        assert (answer.status_code, answer.headers["range"]) == (416, "0-999")
    assert await patch(two[1], location, 1000, DATA[1000:2000]) == 202
    answer = await two[0].request("PATCH", location, DATA[1000:2000], {"content-range": "1000-1999"})
    assert (answer.status_code, answer.headers["range"]) == (416, "0-1999")
    answer = await two[0].close(location, digest_of(DATA[:3000]), DATA[2000:3000], start=2000)
    assert answer.status_code == 201


class Slow:
    """A body in pieces that come when they are let."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.go_on = asyncio.Event()
        self.began = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
            self.began.set()
            await self.go_on.wait()


async def stream(registry: Registry, location: str, body: Slow) -> int:
    return (await registry.http.request("PATCH", location, content=body)).status_code


async def slowly(registry: Registry, location: str, body: Slow) -> asyncio.Task[int]:
    """A chunk that has begun to arrive, and has its session for itself."""
    task = asyncio.create_task(stream(registry, location, body))
    await eventually(lambda: taken(registry))
    return task


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.02)


async def row(registry: Registry) -> uploads.UploadRow:
    (found,) = await registry.app.database.read(lambda session: uploads.expired(session, 1 << 60, 10))
    return found


async def taken(registry: Registry) -> bool:
    found = await registry.app.database.read(lambda session: uploads.expired(session, 1 << 60, 10))
    return [one.owner != "" for one in found] == [True]


async def test_one_writer_at_a_time_over_all_workers(two: list[Registry]) -> None:
    location = await two[0].start("app")
    await written_down(two[0])
    body = Slow(DATA[:300_000], DATA[300_000:600_000])
    writing = await slowly(two[0], location, body)
    for worker in two:
        answer = await worker.request("PATCH", location, b"mine")
        assert (answer.status_code, error_code(answer)) == (429, "TOOMANYREQUESTS")
        assert answer.headers["retry-after"] == "1"
        assert (await worker.request("DELETE", location)).status_code == 429
        assert (await worker.close(location, digest_of(b"mine"), b"mine")).status_code == 429
    body.go_on.set()
    assert await writing == 202
    assert not await taken(two[0])
    for worker in two:
        assert await offset(worker, location) == 600_000
    assert (await two[1].close(location, digest_of(DATA), DATA[600_000:], start=600_000)).status_code == 201


@pytest.mark.parametrize("both", [0, 1])
async def test_requests_that_come_at_once_to_one_worker(two: list[Registry], both: int) -> None:
    """To the one that began the session, or to one that does not know it yet: the lease is the worker's, not theirs."""
    for number in range(5):
        data = DATA[number : 20_000 + number]
        location = await two[0].start("app")
        assert await patch(two[0], location, 0, data) == 202
        closing = asyncio.gather(*(two[both].close(location, digest_of(data)) for _ in range(4)))
        await asyncio.sleep(0.01)
        await written_down(two[0])  # what those at the other worker are waiting for
        answers = await closing
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 201
        assert set(statuses[1:]) <= {404, 429}


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("size", [0, 100, 300_000])
async def test_nothing_is_done_for_a_client_that_is_gone_before_it_has_the_lease(
    two: list[Registry], method: str, size: int
) -> None:
    location = await two[0].start("app")
    assert await patch(two[0], location, 0, DATA[:1000]) == 202
    await written_down(two[0])
    assert await offset(two[1], location) == 1000
    request = Departing(two[1].app)
    async with writes_wait(two[1]):
        target = location + ("" if method != "PUT" else f"?digest={digest_of(DATA[: 1000 + size])}")
        request.send(method, target, DATA[1000 : 1000 + size])
        await asyncio.sleep(0.1)
        request.depart()
    await request.ended()
    assert request.status == 0
    for worker in two:
        assert await offset(worker, location) == 1000
    assert (await two[0].close(location, digest_of(DATA[:1000]))).status_code == 201


async def test_a_status_waits_for_another_workers_chunk(two: list[Registry]) -> None:
    location = await two[0].start("app")
    await written_down(two[0])
    body = Slow(DATA[:300_000])
    writing = await slowly(two[0], location, body)
    asked = asyncio.create_task(offset(two[1], location))
    await asyncio.sleep(0.1)
    assert not asked.done()
    body.go_on.set()
    assert await writing == 202
    assert await asked == 300_000


async def test_a_lease_is_renewed_while_a_body_comes_in(two: list[Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_lease, "LAPSE_MS", 400)
    monkeypatch.setattr(row_lease, "RENEW_MS", 100)
    location = await two[0].start("app")
    await written_down(two[0])
    body = Slow(DATA[:300_000])
    writing = await slowly(two[0], location, body)
    for _ in range(8):
        await asyncio.sleep(0.1)
        await written_down(two[0])
        assert (await two[1].request("PATCH", location, b"mine")).status_code == 429
    body.go_on.set()
    assert await writing == 202
    assert await offset(two[1], location) == 300_000


async def test_the_lease_of_a_dead_worker_lapses(two: list[Registry], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody renews it here: the bytes that it had taken are lost, those before are not; and it can tell."""
    monkeypatch.setattr(row_lease, "LAPSE_MS", 500)
    location = await two[0].start("app")
    await written_down(two[0])
    assert await patch(two[0], location, 0, DATA[:1000]) == 202
    location = (await two[0].get(location)).headers["location"]
    body = Slow(DATA[1000:300_000])
    writing = await slowly(two[0], location, body)
    assert await patch(two[1], location, 1000, DATA[1000:2000]) == 429
    await asyncio.sleep(0.6)
    assert await offset(two[1], location) == 1000
    assert await patch(two[1], location, 1000, DATA[1000:2000]) == 202
    body.go_on.set()
    assert await writing == 429
    for worker in two:
        assert await offset(worker, location) == 2000
    assert (await two[0].close(location, digest_of(DATA[:5000]), DATA[2000:5000], start=2000)).status_code == 201


async def test_a_session_survives_its_worker(tmp_path: Path, bucket: Bucket) -> None:
    async with Registry(tmp_path / "root", bucket.settings) as registry:
        location = await registry.start("app")
        assert await patch(registry, location, 0, DATA[: PART + 100_000]) == 202
    async with Registry(tmp_path / "root", bucket.settings) as again:
        assert await offset(again, location) == PART + 100_000
        assert (
            await again.close(location, digest_of(DATA), DATA[PART + 100_000 :], start=PART + 100_000)
        ).status_code == 201
        assert (await again.get(f"/v2/app/blobs/{digest_of(DATA)}")).content == DATA
    assert litter(bucket) == []


async def test_a_failing_bucket_keeps_the_session_as_it_was(one: Registry, bucket: Bucket) -> None:
    location = await one.start("app")
    assert await patch(one, location, 0, DATA[:100_000]) == 202

    def no_parts(call: Call) -> Fault | None:
        return INTERNAL if call.operation in ("CreateMultipartUpload", "UploadPart") else None

    with bucket.proxy.planned(no_parts):
        answer = await one.request(
            "PATCH", location, DATA[100_000 : 100_000 + PART], {"content-range": f"100000-{100_000 + PART - 1}"}
        )
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    at = await offset(one, location)
    assert at in (100_000, 100_000 + PART)
    assert (await one.close(location, digest_of(DATA), DATA[at:], start=at)).status_code == 201


async def test_an_upload_whose_parts_are_gone_is_unknown(one: Registry, bucket: Bucket) -> None:
    """As when a rule of the bucket's aborts old multipart uploads."""
    location = await one.start("app")
    assert await patch(one, location, 0, DATA[: 2 * PART]) == 202
    known = IngestState.decode((await row(one)).state)
    place = next(word for word in known.writer.replace('"', " ").split() if word.startswith(paths.PLACED))
    (gone,) = bucket.s3.list_multipart_uploads(Bucket=bucket.name, Prefix=place)["Uploads"]
    bucket.s3.abort_multipart_upload(Bucket=bucket.name, Key=place, UploadId=gone["UploadId"])
    answer = await one.close(location, digest_of(DATA), DATA[2 * PART :], start=2 * PART)
    assert (answer.status_code, error_code(answer)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert (await one.get(location)).status_code == 404


async def test_sessions_expire_with_their_parts(tmp_path: Path, bucket: Bucket) -> None:
    settings = bucket.settings | {"uploads.expire_after": "1s", "server.workers": "2"}
    async with AsyncExitStack() as stack:
        two = [await stack.enter_async_context(Registry(tmp_path / "root", settings)) for _ in range(2)]
        location = await two[0].start("app")
        assert await patch(two[0], location, 0, DATA[: PART + 100_000]) == 202
        await asyncio.sleep(0.6)
        assert await two[1].job("uploads.expire") == 0
        assert await patch(two[0], location, PART + 100_000, DATA[PART + 100_000 : PART + 200_000]) == 202
        await asyncio.sleep(0.6)
        assert await two[1].job("uploads.expire") == 0
        await asyncio.sleep(0.6)
        assert await two[1].job("uploads.expire") == 1
        for worker in two:
            assert (await worker.get(location)).status_code == 404
        assert bucket.keys("_uploads") + bucket.keys("/placed/") == []


async def test_a_session_that_is_written_to_does_not_expire(tmp_path: Path, bucket: Bucket) -> None:
    settings = bucket.settings | {"uploads.expire_after": "1s", "server.workers": "2"}
    async with AsyncExitStack() as stack:
        two = [await stack.enter_async_context(Registry(tmp_path / "root", settings)) for _ in range(2)]
        location = await two[0].start("app")
        await written_down(two[0])
        body = Slow(DATA[:300_000])
        writing = await slowly(two[0], location, body)
        await asyncio.sleep(1.1)
        assert (await row(two[0])).updated_at < now_ms() - 1000
        for worker in two:
            assert await worker.job("uploads.expire") == 0
        body.go_on.set()
        assert await writing == 202
        assert await offset(two[1], location) == 300_000


@pytest.mark.parametrize("first", [True, False])
async def test_the_worker_that_began_a_session_closes_what_another_went_on_with(
    two: list[Registry], first: bool
) -> None:
    """The closing request brings the rest, at the first Location or at the newest."""
    location = await two[0].start("app")
    answer = await two[1].request("PATCH", location, DATA[:1000])
    assert answer.status_code == 202
    where = location if first else answer.headers["location"]
    closed = await two[0].close(where, digest_of(DATA[:1500]), DATA[1000:1500], start=1000 if first else None)
    assert closed.status_code == 201
