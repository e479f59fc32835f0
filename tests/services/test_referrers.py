"""Referrers: the index's own, united with what the fallback tag lists."""

from __future__ import annotations

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
