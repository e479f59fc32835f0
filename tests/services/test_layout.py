"""The tree that is stored is the reference registry's: it is served by that registry, and compared with one it made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from registry.services.followers import Following
from registry.services.layout import Layout
from storage.checked import Checked
from storage.drivers import load
from storage.drivers.filesystem import FilesystemDriver
from tests.application import (
    OCI_INDEX,
    OCI_MANIFEST,
    Registry,
    described,
    digest_of,
    image,
    index,
)
from tests.databases import rows
from tests.services.reference import Reference, reference

pytestmark = pytest.mark.anyio


@pytest.fixture
def theirs(registry: Registry, tmp_path: Path) -> Iterator[Reference]:
    """The reference registry over the folder of ours."""
    with reference(registry.root / "storage", tmp_path) as running:
        yield running


def following_of(registry: Registry, driver: Checked) -> Following:
    """Another worker's."""
    return Following(registry.app.database, Layout(registry.app.database, driver), registry.app.pool)


async def follow(registry: Registry) -> None:
    """Bring the tree up to date."""
    driver = Checked(load("filesystem", path=registry.config.storage.path))
    following = following_of(registry, driver)
    while following.step():
        pass


def files(tree: Path) -> dict[str, bytes]:
    """What a registry keeps: paths and bytes, but for uploads under way."""
    found = (path for path in tree.rglob("*") if path.is_file() and "_uploads" not in path.parts)
    return {str(path.relative_to(tree)): path.read_bytes() for path in found}


def folders(tree: Path, repository: str) -> set[str]:
    """The folders that are left of a repository."""
    below = tree / "repositories" / repository
    return {str(path.relative_to(below)) for path in [below, *below.rglob("*")] if path.is_dir()}


async def check(registry: Registry, theirs: Reference) -> None:
    """All that ours serves, theirs serves from the same folder; and nothing else."""
    await follow(registry)
    names = await registry.names("/v2/_catalog")
    assert theirs.catalog() == names
    url = registry.config.database.url
    manifests = rows(
        url, "select r.name, m.digest, m.payload from manifests m join repositories r on r.id = m.repository_id"
    )
    blobs = rows(
        url,
        "select r.name, b.digest from repository_blobs rb join repositories r on r.id = rb.repository_id"
        " join blobs b on b.id = rb.blob_id",
    )
    for name in names:
        tags = await registry.names(f"/v2/{name}/tags/list")
        assert theirs.tags(name) == tags
        for tag in tags:
            ours = await registry.get(f"/v2/{name}/manifests/{tag}")
            digest = ours.headers["docker-content-digest"]
            assert theirs.manifest(name, tag) == (200, ours.content, digest)
    for name, digest, payload in manifests:
        assert theirs.manifest(name, digest) == (200, payload, digest)
    for name, digest in blobs:
        ours = await registry.get(f"/v2/{name}/blobs/{digest}")
        assert theirs.blob(name, digest) == (200, ours.content)


async def fill(registry: Registry) -> dict[str, bytes]:
    """Some of everything; the manifests by what they are called here."""
    made = {
        "app": await registry.push_image("team/app", "latest", "one"),
        "team": await registry.push_image("team", "v1", "one"),
        "other": await registry.push_image("other", "v1", "two"),
    }
    assert (await registry.put("team/app", "v1?tag=v2&tag=v1.0", made["app"])).status_code == 201
    children = [described(made["app"], OCI_MANIFEST)]
    made["index"] = index(children)
    assert (await registry.put("team/app", "multi", made["index"])).status_code == 201
    made["artifact"] = image(b'{"seed": "one"}', [], subject=described(made["app"], OCI_MANIFEST))
    digest = digest_of(made["artifact"])
    assert (await registry.put("team/app", digest, made["artifact"])).status_code == 201
    mount = await registry.request("POST", f"/v2/mounted/blobs/uploads/?mount={digest_of(b'layer two')}&from=other")
    assert mount.status_code == 201
    return made


async def test_the_reference_registry_serves_our_folder(registry: Registry, theirs: Reference) -> None:
    made = await fill(registry)
    await registry.job("layout.follow")
    await check(registry, theirs)
    moved = await registry.push_image("team/app", "latest", "three")
    await check(registry, theirs)
    assert theirs.manifest("team/app", "latest")[1] == moved
    assert theirs.manifest("team/app", "v1")[1] == made["app"]


async def test_and_after_deletes(registry: Registry, theirs: Reference) -> None:
    made = await fill(registry)
    await check(registry, theirs)
    app, v1 = digest_of(made["app"]), digest_of(made["team"])
    layer = digest_of(b"layer one")
    for target in ("team/app/manifests/v2", f"team/app/manifests/{app}", f"team/app/blobs/{layer}"):
        assert (await registry.request("DELETE", f"/v2/{target}")).status_code == 202
    await check(registry, theirs)
    assert theirs.tags("team/app") == ["multi"]
    assert theirs.manifest("team/app", app)[0] == 404
    assert theirs.blob("team/app", layer)[0] == 404
    assert theirs.blob("team", layer) == (200, b"layer one")
    for target in ("team/app/manifests/multi", f"team/manifests/{v1}", f"mounted/blobs/{digest_of(b'layer two')}"):
        assert (await registry.request("DELETE", f"/v2/{target}")).status_code == 202
    await check(registry, theirs)
    assert "mounted" not in theirs.catalog()
    assert theirs.tags("team") == []


async def test_sha512(registry: Registry, theirs: Reference) -> None:
    await registry.push("app", b"{}", "sha512")
    await registry.push("app", b"{}")
    payload = image(b"{}", [])
    assert (await registry.put("app", digest_of(payload, "sha512"), payload)).status_code == 201
    assert (await registry.put("app", "latest", payload)).status_code == 201
    await check(registry, theirs)


async def test_the_tree_is_what_the_reference_registry_makes(registry: Registry, tmp_path: Path) -> None:
    config, layers = b"{}", [b"first", b"second"]
    one, two = image(config, layers), image(config, layers[:1])
    several = index([described(one, OCI_MANIFEST)])
    pushes = [("latest", one, OCI_MANIFEST), ("multi", several, OCI_INDEX), ("latest", two, OCI_MANIFEST)]
    with reference(tmp_path / "theirs", tmp_path) as theirs:
        for name in ("team/app", "team"):
            for data in (config, *layers):
                theirs.push(name, data)
                await registry.push(name, data)
            for tag, payload, media_type in pushes:
                theirs.put(name, tag, payload, media_type)
                assert (await registry.put(name, tag, payload)).status_code == 201
                await follow(registry)
        tree = tmp_path / "theirs" / "docker" / "registry" / "v2"
        assert files(registry.tree) == files(tree)
        for target in (f"team/app/manifests/{digest_of(two)}", f"team/blobs/{digest_of(layers[1])}"):
            assert theirs.request("DELETE", f"/v2/{target}").status_code == 202
            assert (await registry.request("DELETE", f"/v2/{target}")).status_code == 202
        await follow(registry)
        assert files(registry.tree) == files(tree)


async def test_following_in_steps_or_at_once_ends_the_same(registry: Registry, tmp_path: Path) -> None:
    async def work(one: Registry, step: bool) -> None:
        made = await fill(one)
        if step:
            await follow(one)
        assert (await one.request("DELETE", "/v2/other/manifests/" + digest_of(made["other"]))).status_code == 202
        if step:
            await follow(one)
        await one.push_image("team/app", "latest", "again")
        await follow(one)

    await work(registry, step=False)
    async with Registry(tmp_path / "steps") as steps:
        await work(steps, step=True)
        once, stepped = files(registry.tree), files(steps.tree)
    # What a tag was in between, and what was only there in between, a late follower does not see.
    left_out = {path for path in stepped if path not in once}
    assert all("/tags/latest/index/" in path for path in left_out if path.startswith("repositories")), left_out
    assert {path: data for path, data in stepped.items() if path in once} == once


async def empty(registry: Registry, name: str, payload: bytes, *blobs: bytes) -> None:
    """Delete all that a repository holds."""
    for target in (f"manifests/{digest_of(payload)}", *(f"blobs/{digest_of(blob)}" for blob in blobs)):
        assert (await registry.request("DELETE", f"/v2/{name}/{target}")).status_code == 202


BLOBS = (b'{"seed": "one"}', b"layer one", b"a layer of all")


async def test_a_repository_with_nothing_left_vanishes(registry: Registry, theirs: Reference) -> None:
    payload = await registry.push_image("team/app", "latest", "one")
    await check(registry, theirs)
    await empty(registry, "team/app", payload, *BLOBS)
    assert await registry.names("/v2/_catalog") == []
    assert (await registry.get("/v2/team/app/tags/list")).status_code == 404
    await check(registry, theirs)
    assert not (registry.tree / "repositories" / "team").exists()
    assert await registry.push_image("team/app", "latest", "one") == payload
    await check(registry, theirs)


async def test_repositories_above_and_below_stay(registry: Registry, theirs: Reference) -> None:
    names = ("a", "a/b", "a/b/c")
    payloads = [await registry.push_image(name, "latest", "one") for name in names]
    await check(registry, theirs)
    await empty(registry, "a/b", payloads[1], *BLOBS)
    await check(registry, theirs)
    assert await registry.names("/v2/_catalog") == ["a", "a/b/c"]
    assert folders(registry.tree, "a/b") & {"_layers", "_manifests"} == set()
    await empty(registry, "a/b/c", payloads[2], *BLOBS)
    await check(registry, theirs)
    assert not (registry.tree / "repositories" / "a" / "b").exists()
    await empty(registry, "a", payloads[0], *BLOBS)
    await check(registry, theirs)
    assert not (registry.tree / "repositories" / "a").exists()


async def test_an_upload_outlives_its_repository(registry: Registry) -> None:
    payload = await registry.push_image("app", "latest", "one")
    data = bytes(300_000)
    location = (await registry.request("PATCH", await registry.start("app"), data)).headers["location"]
    await empty(registry, "app", payload, *BLOBS)
    await follow(registry)
    assert (await registry.get("/v2/app/tags/list")).status_code == 404
    assert (await registry.close(location, digest_of(data))).status_code == 201
    assert (await registry.get(f"/v2/app/blobs/{digest_of(data)}")).content == data
    assert await registry.names("/v2/_catalog") == ["app"]


async def test_bytes_that_are_blob_and_manifest_stay_as_they_are(registry: Registry, theirs: Reference) -> None:
    """The blob was made durable; the mirror's own file is not, until it has synced."""
    await registry.push("app", b"{}")
    payload = image(b"{}", [])
    await registry.push("app", payload)
    before = registry.blob_file(digest_of(payload)).stat()
    assert (await registry.put("app", "latest", payload)).status_code == 201
    await check(registry, theirs)
    after = registry.blob_file(digest_of(payload)).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_a_blob_followed_while_quarantined_is_linked(registry: Registry, theirs: Reference) -> None:
    """The push that repairs it, in another repository, brings it back in both."""
    digest = await registry.push("one", b"bytes")
    await registry.push("two", b"bytes")
    registry.blob_file(digest).unlink()
    assert (await registry.get(f"/v2/one/blobs/{digest}")).status_code == 404
    await follow(registry)
    await registry.push("two", b"bytes")
    await check(registry, theirs)
    assert theirs.blob("one", digest) == (200, b"bytes")


async def test_events_are_applied_again_after_a_crash(registry: Registry, theirs: Reference) -> None:
    await fill(registry)
    await check(registry, theirs)
    expected = files(registry.tree)
    rows(registry.config.database.url, "delete from event_cursors")
    (registry.tree / "repositories" / "team" / "_manifests" / "tags" / "v1" / "current" / "link").unlink()
    await check(registry, theirs)
    assert files(registry.tree) == expected


async def test_a_tree_that_is_gone_is_made_from_the_index_without_the_events(
    registry: Registry, theirs: Reference
) -> None:
    """As at the destination of a move, when what happened was pruned."""
    made = await fill(registry)
    assert (await registry.request("DELETE", f"/v2/other/manifests/{digest_of(made['other'])}")).status_code == 202
    await check(registry, theirs)
    shutil.rmtree(registry.tree / "repositories")
    for table in ("event_cursors", "events"):
        rows(registry.config.database.url, f"delete from {table}")
    await check(registry, theirs)


async def test_a_tag_that_moved_often_is_written_once(registry: Registry) -> None:
    written: list[int] = []

    class Counting(FilesystemDriver):
        def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
            written.append(len(files))
            return super().put_group(files, durable=durable)

    following = following_of(registry, Checked(Counting(registry.config.storage.path)))
    await follow(registry)
    for turn in range(20):
        await registry.push_image("app", "latest", str(turn % 2))
    while following.step():
        pass
    # Two manifests with their bytes and revisions, two configs and two layers and one that both have, and the tag.
    assert written == [2, 2 + 5 + 2]


async def test_memory_is_followed_too(tmp_path: Path) -> None:
    driver = load("memory")
    async with Registry(tmp_path / "root", driver=driver) as registry:
        payload = await registry.push_image("team/app", "latest", "one")
        following = following_of(registry, Checked(driver))
        while following.step():
            pass
        link = "docker/registry/v2/repositories/team/app/_manifests/tags/latest/current/link"
        assert driver.read(link, 100) == digest_of(payload).encode()
        await empty(registry, "team/app", payload, *BLOBS)
        following.step()
        assert list(driver.list("docker/registry/v2/repositories")) == []
