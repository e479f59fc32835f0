"""The check of stored bytes: what it finds, in which order, how fast, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from pathlib import Path

import pytest

from registry.oci.errors import BlobUnknown
from registry.services.scrubber import Pace, Stopped
from storage.checked import Checked
from storage.digest import Digest
from storage.drivers import load
from storage.errors import Unavailable
from tests.services.parts import ACTOR, Parts
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio

TURN = 5.0


async def several(parts: Parts, count: int) -> list[Digest]:
    """Blobs, the oldest first."""
    made = []
    for number in range(count):
        made.append(await parts.push("app", b"blob %d" % number, f"upload-{number}"))
        await asyncio.sleep(0.002)
    return made


async def test_a_flipped_bit_is_found(parts: Parts) -> None:
    good, bad = await several(parts, 2)
    parts.spoil(b"blob !", bad)
    await asyncio.sleep(0.002)
    assert await parts.scrubber().run(TURN) == 2
    assert parts.damaged == 1
    assert parts.state(good) == 6
    with pytest.raises(BlobUnknown):
        await parts.pull.blob("app", bad, ACTOR)
    assert parts.kinds()[-1] == "blob.quarantined"
    await parts.push("app", b"blob 1", "again")
    assert parts.state(bad) == 6
    assert parts.stored(bad) == b"blob 1"


@pytest.mark.parametrize("what", [None, b"", b"blob", b"blob 10"])
async def test_what_a_size_shows_is_found_too(parts: Parts, what: bytes | None) -> None:
    _, bad = await several(parts, 2)
    if what is None:
        parts.content.delete(bad)
    else:
        parts.spoil(what, bad)
    await asyncio.sleep(0.002)
    await parts.scrubber().run(TURN)
    assert parts.state(bad) is None
    assert parts.damaged == 1


async def test_recently_read_first_then_the_longest_unverified(parts: Parts) -> None:
    zero, one, two, three = await several(parts, 4)
    for digest in (three, one):
        (await parts.pull.blob("app", digest, ACTOR)).close()
        await parts.pull.noted.flush()
        await asyncio.sleep(0.002)
    assert parts.pull.noted.reads == set()
    assert parts.due() == [str(digest) for digest in (one, three, zero, two)]


async def test_nothing_is_checked_again_too_soon(parts: Parts) -> None:
    await several(parts, 2)
    assert await parts.scrubber(again_after=60).run(TURN) == 0
    assert await parts.scrubber().run(TURN) == 2


async def test_a_turn_ends(parts: Parts) -> None:
    await several(parts, 3)
    assert await parts.scrubber().run(-1.0) == 0


async def test_one_that_cannot_be_read_does_not_keep_the_rest_from_being_checked(tmp_path: Path) -> None:
    faults = Faults()
    parts = Parts(tmp_path / "root", Faulty(load("memory"), faults))
    try:
        first, second, third = await several(parts, 3)
        parts.spoil(b"blob !", third)
        faults.fail("open", errno.EIO)
        await asyncio.sleep(0.002)
        with pytest.raises(Unavailable):
            await parts.scrubber().run(TURN)
        assert parts.state(first) == parts.state(second) == 6
        assert parts.state(third) is None
        assert parts.due() == [str(first), str(second)]
    finally:
        parts.close()


async def test_it_is_paced(parts: Parts) -> None:
    await parts.push("app", bytes(300_000))
    await asyncio.sleep(0.002)
    started = time.monotonic()
    assert await parts.scrubber(rate=1_000_000).run(TURN) == 1
    assert 0.25 < time.monotonic() - started < 3.0


def test_pace_below_a_chunk_a_second() -> None:
    """However much is read in one go, the rate holds."""
    pace = Pace(1_000_000)
    started = time.monotonic()
    pace(1_200_000)
    assert time.monotonic() - started > 1.1


def test_pace_stops_at_once() -> None:
    pace = Pace(1)
    threading.Timer(0.05, pace.stop.set).start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        pace(1000)
    assert time.monotonic() - started < 5.0
    with pytest.raises(Stopped):
        pace(0)


async def test_a_stop_does_not_wait_for_a_large_blob(parts: Parts) -> None:
    """At this rate the check of this blob takes hours; a server that stops waits for its threads."""
    await parts.push("app", bytes(4_000_000))
    await asyncio.sleep(0.002)
    running = asyncio.create_task(parts.scrubber(rate=1024).run(TURN))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    started = time.monotonic()
    parts.pool.shutdown()
    assert time.monotonic() - started < 5.0
    assert parts.damaged == 0


async def test_the_reads_of_a_checked_driver_are_what_is_verified(parts: Parts) -> None:
    digest = await parts.push("app", b"x")
    assert Checked(parts.driver).stat(f"docker/registry/v2/blobs/sha256/{digest.hex[:2]}/{digest.hex}/data").size == 1
