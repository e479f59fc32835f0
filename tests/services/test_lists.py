"""Pages of tags and repositories: the order of bytes, nothing twice, nothing left out."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.application import Registry, digest_of, error_code, image

pytestmark = pytest.mark.anyio


async def walk(registry: Registry, target: str, key: str) -> list[list[str]]:
    """Every page, by the links."""
    pages = []
    while True:
        answer = await registry.get(target)
        assert answer.status_code == 200
        pages.append(answer.json()[key])
        if "link" not in answer.headers:
            return pages
        target = answer.headers["link"].removeprefix("<").partition(">")[0]


async def test_tags(registry: Registry) -> None:
    await registry.push("app", b"{}")
    names = ["Z", "_", "a", "a-b", "a.b", "a_b", "B", "0", "10", "9", *(f"v{n}" for n in range(30))]
    random.Random(1).shuffle(names)
    payload = image(b"{}", [])
    query = "&".join(f"tag={name}" for name in names)
    assert (await registry.put("app", f"{digest_of(payload)}?{query}", payload)).status_code == 201
    ordered = sorted(names, key=str.encode)
    for size in (1, 7, len(names) - 1, len(names), len(names) + 1):
        pages = await walk(registry, f"/v2/app/tags/list?n={size}", "tags")
        assert [name for page in pages for name in page] == ordered
        assert all(len(page) == size for page in pages[:-1])
        assert 0 < len(pages[-1]) <= size
    for last in ("", "a", "a-", "zz", "not there", "\N{SNOWMAN}"):
        after = [name for name in ordered if name.encode() > last.encode()]
        answer = await registry.http.get("/v2/app/tags/list", params={"last": last})
        assert answer.json() == {"name": "app", "tags": after}


async def test_repositories(registry: Registry) -> None:
    names = ["a", "a-b", "a/b", "a/b/c", "a.b", "a_b", "a0", "b", "0"]
    for name in names:
        await registry.push(name, b"{}")
    ordered = sorted(names, key=str.encode)
    for size in (1, 2, len(names), 1000):
        pages = await walk(registry, f"/v2/_catalog?n={size}", "repositories")
        assert [name for page in pages for name in page] == ordered
    assert await registry.names("/v2/_catalog?last=a/b") == ordered[ordered.index("a/b") + 1 :]


async def test_none(registry: Registry) -> None:
    await registry.push("app", b"{}")
    for target in ("/v2/_catalog?n=0", "/v2/app/tags/list?n=0"):
        answer = await registry.get(target)
        assert "link" not in answer.headers
        assert await registry.names(target) == []
    assert await registry.names("/v2/app/tags/list") == []


async def test_a_repository_that_is_not_known(registry: Registry) -> None:
    await registry.start("only/an/upload")
    for name in ("never", "only/an/upload"):
        answer = await registry.get(f"/v2/{name}/tags/list")
        assert (answer.status_code, error_code(answer)) == (404, "NAME_UNKNOWN")
    assert await registry.names("/v2/_catalog") == []


async def test_a_list_has_an_entity_tag(registry: Registry) -> None:
    await registry.push_image("app", "one")
    for target in ("/v2/_catalog", "/v2/app/tags/list", f"/v2/app/referrers/{digest_of(b'x')}"):
        tag = (await registry.get(target)).headers["etag"]
        answer = await registry.get(target, if_none_match=tag)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    await registry.push_image("another", "two", "two")
    assert (await registry.get("/v2/_catalog", if_none_match=tag)).status_code == 200


async def test_long_pages_are_made_beside_the_event_loop(tmp_path: Path) -> None:
    async with Registry(tmp_path / "root", {"limits.page_size": "5000"}) as registry:
        await registry.push("app", b"{}")
        payload = image(b"{}", [])
        names = [f"v{number:04}" for number in range(3000)]
        for start in range(0, len(names), 100):
            query = "&".join(f"tag={name}" for name in names[start : start + 100])
            assert (await registry.put("app", f"{digest_of(payload)}?{query}", payload)).status_code == 201
        before = set(threading.enumerate())
        assert await registry.names("/v2/app/tags/list?n=10") == names[:10]
        assert set(threading.enumerate()) - before == set()
        assert await registry.names("/v2/app/tags/list?n=100000") == names
        assert await registry.names("/v2/_catalog?n=100000") == ["app"]
        begun = {thread.name.partition("_")[0] for thread in set(threading.enumerate()) - before}
        assert begun == {"lists"}
        assert error_code(await registry.get("/v2/never/tags/list?n=100000")) == "NAME_UNKNOWN"
