"""Referrers: the index's own, united with what the fallback tag lists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import httpx2
import pytest

from tests.application import OCI_INDEX, OCI_MANIFEST, Registry, described, digest_of, error_code, image, index

pytestmark = pytest.mark.anyio

SUBJECT = b"the subject, which need not be there"
TARGET = f"/v2/app/referrers/{digest_of(SUBJECT)}"
FALLBACK = digest_of(SUBJECT).replace(":", "-")


async def artifact(registry: Registry, number: int, kind: str = "test/a", *, linked: bool = True) -> bytes:
    """An artifact of its own; one that is not linked names no subject."""
    more: dict[str, object] = {"artifactType": kind, "annotations": {"n": str(number)}}
    if linked:
        more["subject"] = described(SUBJECT, OCI_MANIFEST)
    payload = image(b"{}", [], **more)
    assert (await registry.put("app", digest_of(payload), payload)).status_code == 201
    return payload


@pytest.fixture(autouse=True)
async def config(registry: Registry) -> None:
    await registry.push("app", b"{}")


async def listed(registry: Registry, query: str = "") -> list[str]:
    """The digests, over all pages, in order."""
    found: list[str] = []
    target = TARGET + query
    while True:
        answer = await registry.get(target)
        assert answer.headers["content-type"] == OCI_INDEX
        found += [entry["digest"] for entry in answer.json()["manifests"]]
        if "link" not in answer.headers:
            return found
        target = answer.headers["link"].removeprefix("<").partition(">")[0]


async def test_none(registry: Registry) -> None:
    assert await listed(registry) == []
    assert (await registry.get(f"/v2/never/was/referrers/{digest_of(SUBJECT)}")).json()["manifests"] == []


async def test_described(registry: Registry) -> None:
    payload = await artifact(registry, 1)
    (entry,) = (await registry.get(TARGET)).json()["manifests"]
    assert entry == described(payload, OCI_MANIFEST, artifactType="test/a", annotations={"n": "1"})


async def test_pages_and_filter(registry: Registry) -> None:
    made = [await artifact(registry, n, "test/a" if n % 3 else "test/b") for n in range(10)]
    unlinked = [await artifact(registry, n + 100, "test/b", linked=False) for n in range(5)]
    entries = [described(payload, OCI_MANIFEST) for payload in (*made, *unlinked)]
    assert (await registry.put("app", FALLBACK, index(entries))).status_code == 201
    everything = sorted(digest_of(payload) for payload in (*made, *unlinked))
    of_type = sorted(digest_of(payload) for payload in (*made[::3], *unlinked))
    for size in ("", "?n=1", "?n=4", "?n=15", "?n=16"):
        assert await listed(registry, size) == everything, size
        typed = f"{size or '?n=1000'}&artifactType=test/b"
        assert await listed(registry, typed) == of_type, typed
    assert await listed(registry, "?n=0") == []


async def big(registry: Registry, number: int, size: int, *, linked: bool = True) -> str:
    """An artifact whose annotations have so many bytes; its digest."""
    more: dict[str, object] = {"subject": described(SUBJECT, OCI_MANIFEST)} if linked else {}
    payload = image(b"{}", [], artifactType="test/a", annotations={"n": str(number), "text": "x" * size}, **more)
    assert (await registry.put("app", digest_of(payload), payload)).status_code == 201
    return digest_of(payload)


async def test_a_page_is_bounded_in_bytes(registry: Registry) -> None:
    """Clients read no more of an index than of a manifest, and a hundred of them were one answer of 480 MiB."""
    sizes = [1, 1_000_000, 5_000, 4_190_000, 700_000, 1_500_000, 1_500_000, 4_000, 3_000_000, 900_000, 100]
    made = [await big(registry, number, size) for number, size in enumerate(sizes)]
    unlinked = [await big(registry, number, size, linked=False) for number, size in enumerate((900_000, 10))]
    entries = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 1} for digest in unlinked]
    assert (await registry.put("app", FALLBACK, index(entries))).status_code == 201
    for query in ("", "?n=3", "?artifactType=test/a"):
        found, target, pages = [], TARGET + query, 0
        while target:
            answer = await registry.get(target)
            assert len(answer.content) <= 4 * 1024 * 1024
            found += answer.json()["manifests"]
            target = answer.headers.get("link", "").removeprefix("<").partition(">")[0]
            pages += 1
        assert [entry["digest"] for entry in found] == sorted(made + unlinked), query
        assert sorted(len(entry["annotations"]["text"]) for entry in found) == sorted([*sizes, 900_000, 10])
        assert pages < len(found)


async def longest_pause(work: Awaitable[httpx2.Response]) -> tuple[httpx2.Response, float]:
    """The answer, and for how long others waited for the event loop meanwhile."""
    pause, task = 0.0, asyncio.ensure_future(work)
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0)
        pause = max(pause, time.perf_counter() - before)
    return task.result(), pause


async def test_long_lists_do_not_stop_the_others(registry: Registry) -> None:
    """A list at the fallback tag was parsed on the event loop for each request, which took 0.3 s for 37,000 entries."""
    digests = [f"sha256:{number:064x}" for number in range(9_900)]
    payload = index([{"mediaType": OCI_MANIFEST, "digest": digest, "size": 1} for digest in digests])
    assert (await registry.put("app", FALLBACK, payload)).status_code == 201
    made = [await big(registry, number, 1_000_000) for number in range(3)]
    await registry.get(TARGET)
    pauses = []
    for _ in range(5):
        answer, pause = await longest_pause(registry.get(TARGET))
        assert [entry["digest"] for entry in answer.json()["manifests"]] == sorted(made)
        pauses.append(pause)
    assert sorted(pauses)[2] < 0.05


async def test_delete_is_seen_at_once(registry: Registry) -> None:
    payload = await artifact(registry, 1)
    assert (await registry.request("DELETE", f"/v2/app/manifests/{digest_of(payload)}")).status_code == 202
    assert await listed(registry) == []


async def test_an_empty_list_written_as_null(registry: Registry) -> None:
    """That is what Go clients write for one; it was answered with 500."""
    assert (await registry.put("app", FALLBACK, index(None))).status_code == 201
    assert await listed(registry) == []


async def test_depth_does_not_matter_once_it_was_taken(registry: Registry) -> None:
    payload = await artifact(registry, 1, linked=False)
    deep: object = 1
    for _ in range(28):
        deep = [deep]
    fallback = index([described(payload, OCI_MANIFEST)], unknown=deep)
    assert (await registry.put("app", FALLBACK, fallback)).status_code == 201
    assert await listed(registry) == [digest_of(payload)]


async def test_what_is_no_digest(registry: Registry) -> None:
    answer = await registry.get("/v2/app/referrers/latest")
    assert (answer.status_code, error_code(answer)) == (400, "DIGEST_INVALID")
