"""Push and delete of manifests and tags: byte-exact, one transaction, conditions inside it, at once gone."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest

from registry.metadata import events, tags
from tests.application import OCI_INDEX, OCI_MANIFEST, Registry, described, digest_of, error_code, image, index

pytestmark = pytest.mark.anyio


def kinds(registry: Registry) -> list[tuple[str, str]]:
    """Kind and tag of each event that is no blob's."""
    found = registry.app.database.read_now(lambda session: events.after(session, 0, 1000))
    return [(event.kind, event.tag) for event in found if not event.kind.startswith("blob")]


@pytest.mark.parametrize("padding", ["", " \n\t", "x" * 200_000])
async def test_byte_exact(registry: Registry, padding: str) -> None:
    await registry.push("app", b"{}")
    document = json.loads(image(b"{}", [], annotations={"unicode": "\N{SNOWMAN}"}))
    payload = json.dumps(document | {"unknown": padding}, indent=3, ensure_ascii=False).encode() + b"\n"
    answer = await registry.put("app", "latest", payload)
    assert answer.status_code == 201
    digest = digest_of(payload)
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers["location"] == f"/v2/app/manifests/{digest}"
    for reference in ("latest", digest):
        got = await registry.get(f"/v2/app/manifests/{reference}")
        assert got.content == payload
        assert got.headers["content-type"] == OCI_MANIFEST
        head = await registry.request("HEAD", f"/v2/app/manifests/{reference}")
        assert head.headers["content-length"] == str(len(payload))
        assert head.content == b""


async def test_subject_and_tags_are_said(registry: Registry) -> None:
    await registry.push("app", b"{}")
    payload = image(b"{}", [], subject=described(b"not there yet", OCI_MANIFEST))
    answer = await registry.put("app", f"{digest_of(payload)}?tag=one&tag=two&tag=one", payload)
    assert answer.status_code == 201
    assert answer.headers["oci-subject"] == digest_of(b"not there yet")
    assert answer.headers.get_list("oci-tag") == ["one", "two"]
    assert await registry.names("/v2/app/tags/list") == ["one", "two"]


async def test_a_digest_that_is_not_the_bodys(registry: Registry) -> None:
    await registry.push("app", b"{}")
    answer = await registry.put("app", digest_of(b"other"), image(b"{}", []))
    assert (answer.status_code, error_code(answer)) == (400, "DIGEST_INVALID")


async def test_sparse_or_not(tmp_path: Path) -> None:
    payload = image(b"{}", [b"missing"])
    for sparse, status in (("true", 201), ("false", 404)):
        async with Registry(tmp_path / sparse, {"manifests.sparse": sparse}) as registry:
            answer = await registry.put("app", "latest", payload)
            assert error_code(answer) == "MANIFEST_BLOB_UNKNOWN"
            assert await registry.names("/v2/_catalog") == []
            await registry.push("app", b"{}")
            assert (await registry.put("app", "latest", payload)).status_code == status


async def test_a_refused_push_leaves_nothing(registry: Registry) -> None:
    await registry.push("app", b"{}")
    first, second = image(b"{}", []), image(b"{}", [], annotations={"a": "b"})
    assert (await registry.put("app", "latest", first)).status_code == 201
    before = kinds(registry)
    answer = await registry.put("app", "new?tag=latest", second, if_none_match="*")
    assert (answer.status_code, error_code(answer)) == (412, "PRECONDITION_FAILED")
    assert (await registry.get(f"/v2/app/manifests/{digest_of(second)}")).status_code == 404
    assert await registry.names("/v2/app/tags/list") == ["latest"]
    assert kinds(registry) == before


async def test_of_many_who_swap_a_tag_one_wins(registry: Registry) -> None:
    """The conditions hold in the transaction that moves the tag."""
    await registry.push("app", b"{}")
    current = image(b"{}", [])
    assert (await registry.put("app", "latest", current)).status_code == 201
    for turn in range(3):
        offered = [image(b"{}", [], annotations={"n": f"{turn}-{n}"}) for n in range(8)]
        condition = f'"{digest_of(current)}"'
        answers = await asyncio.gather(
            *(registry.put("app", "latest", payload, if_match=condition) for payload in offered)
        )
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [201] + [412] * 7
        current = offered[statuses.index(201)]
        assert (await registry.get("/v2/app/manifests/latest")).content == current
    history = registry.app.database.read_now(lambda session: tags.history(session, "app", "latest", 10))
    assert history[0].digest == digest_of(current)
    assert len(history) == 4


async def test_of_many_who_make_a_tag_one_wins(registry: Registry) -> None:
    await registry.push("app", b"{}")
    offered = [image(b"{}", [], annotations={"n": str(n)}) for n in range(8)]
    answers = await asyncio.gather(*(registry.put("app", "new", payload, if_none_match="*") for payload in offered))
    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 7


async def test_delete_by_digest_takes_its_tags_at_once(registry: Registry) -> None:
    payload = await registry.push_image("app", "one")
    other = await registry.push_image("app", "other", "other")
    assert (await registry.put("app", "two?tag=three", payload)).status_code == 201
    target = f"/v2/app/manifests/{digest_of(payload)}"
    refused = await registry.request("DELETE", target, headers={"if-match": f'"{digest_of(other)}"'})
    assert refused.status_code == 412
    assert (await registry.request("DELETE", target)).status_code == 202
    for reference in ("one", "two", "three", digest_of(payload)):
        assert (await registry.get(f"/v2/app/manifests/{reference}")).status_code == 404
    assert await registry.names("/v2/app/tags/list") == ["other"]
    assert kinds(registry)[-4:] == [
        ("tag.deleted", "one"),
        ("tag.deleted", "three"),
        ("tag.deleted", "two"),
        ("manifest.deleted", ""),
    ]
    assert error_code(await registry.request("DELETE", target)) == "MANIFEST_UNKNOWN"


async def test_untag_leaves_the_manifest(registry: Registry) -> None:
    payload = await registry.push_image("app", "latest")
    target = "/v2/app/manifests/latest"
    assert (await registry.request("DELETE", target, headers={"if-match": '"sha256:0"'})).status_code == 412
    assert (await registry.request("DELETE", target)).status_code == 202
    assert (await registry.get(target)).status_code == 404
    assert (await registry.get(f"/v2/app/manifests/{digest_of(payload)}")).content == payload
    assert await registry.names("/v2/app/tags/list") == []
    assert await registry.names("/v2/_catalog") == ["app"]


async def test_a_repository_goes_with_its_last_content(registry: Registry) -> None:
    payload = index([])
    assert (await registry.put("app", "latest", payload)).status_code == 201
    assert await registry.names("/v2/_catalog") == ["app"]
    assert (await registry.request("DELETE", f"/v2/app/manifests/{digest_of(payload)}")).status_code == 202
    assert await registry.names("/v2/_catalog") == []
    for target in ("tags/list", "manifests/latest", f"blobs/{digest_of(b'{}')}"):
        assert error_code(await registry.get(f"/v2/app/{target}")) == "NAME_UNKNOWN"
    digest = await registry.push("app", b"{}")
    assert await registry.names("/v2/_catalog") == ["app"]
    assert (await registry.request("DELETE", f"/v2/app/blobs/{digest}")).status_code == 202
    assert await registry.names("/v2/_catalog") == []
    assert (await registry.request("DELETE", f"/v2/app/blobs/{digest}")).status_code == 404


async def test_a_blob_goes_from_one_repository(registry: Registry) -> None:
    digest = await registry.push("one", b"bytes")
    await registry.push("one", b"something to stay")
    await registry.push("two", b"bytes")
    assert (await registry.request("DELETE", f"/v2/one/blobs/{digest}")).status_code == 202
    assert error_code(await registry.get(f"/v2/one/blobs/{digest}")) == "BLOB_UNKNOWN"
    assert (await registry.get(f"/v2/two/blobs/{digest}")).content == b"bytes"
    assert error_code(await registry.request("DELETE", f"/v2/never/blobs/{digest}")) == "NAME_UNKNOWN"


async def test_the_same_bytes_have_one_media_type(registry: Registry) -> None:
    """What the bytes do not say themselves is what the OCI specification calls them, whatever the header says."""
    document = json.loads(index([]))
    del document["mediaType"]
    payload = json.dumps(document).encode()
    docker = "application/vnd.docker.distribution.manifest.list.v2+json"
    for media_type in (OCI_INDEX, docker, None, OCI_MANIFEST):
        headers = {} if media_type is None else {"content-type": media_type}
        answer = await registry.request("PUT", "/v2/app/manifests/latest", payload, headers)
        if media_type in (OCI_INDEX, None):
            assert answer.status_code == 201
        else:
            assert (answer.status_code, error_code(answer)) == (400, "MANIFEST_INVALID")
        assert (await registry.get("/v2/app/manifests/latest")).headers["content-type"] == OCI_INDEX


async def test_large_manifests_are_read_one_at_a_time_beside_the_event_loop(registry: Registry) -> None:
    """Each takes several times its size meanwhile, and all threads of the storage read them at once."""
    before = set(threading.enumerate())
    unit = {"mediaType": OCI_MANIFEST, "digest": digest_of(b"x"), "size": 1}
    payloads = [index([unit] * 2_000, n=number) for number in range(6)]
    answers = await asyncio.gather(*(registry.put("app", f"t{n}", payload) for n, payload in enumerate(payloads)))
    assert [answer.status_code for answer in answers] == [201] * 6
    reading = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("manifests")]
    assert len(reading) == 1
