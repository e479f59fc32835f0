"""Tags, repositories and referrers, page by page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.client import client as module
from registry.client.client import Client
from registry.client.errors import InvalidAnswer, NotFound
from tests.client.debian import docker_registry
from tests.client.pushed import push, push_image
from tests.client.scripted import Asked, Reply, scripted
from tests.protocol.content import OCI_EMPTY, OCI_INDEX, descriptor, digest_of, image_document, manifest_of


def test_pages_of_tags(client: Client, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = push_image(client, name, "v0")
    for number in range(1, 7):
        client.push_manifest(name, f"v{number}", pushed.payload, pushed.media_type)
    monkeypatch.setattr(module, "PAGE", 2)
    assert list(client.tags(name)) == [f"v{number}" for number in range(7)]
    with pytest.raises(NotFound):
        list(client.tags(f"{name}/none"))


def test_the_catalog(client: Client, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in "abc":
        push_image(client, f"{name}/{part}", "v1")
    monkeypatch.setattr(module, "PAGE", 1)
    names = list(client.catalog())
    assert {f"{name}/{part}" for part in "abc"} <= set(names)
    assert names == sorted(set(names))


def test_pages_of_another_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with docker_registry(tmp_path) as port:
        client = Client(f"127.0.0.1:{port}")
        for part in "abc":
            push_image(client, part, "v1")
        monkeypatch.setattr(module, "PAGE", 1)
        assert list(client.catalog()) == ["a", "b", "c"]
        assert list(client.tags("a")) == ["v1"]


def test_referrers(client: Client, name: str, tmp_path: Path) -> None:
    """By the API; and of a registry without it, by the index that clients keep under a tag."""
    with docker_registry(tmp_path) as port:
        for each in (client, Client(f"127.0.0.1:{port}")):
            subject = push_image(each, name, "v1")
            push(each, name, b"{}")
            empty = descriptor(b"{}", OCI_EMPTY)
            listed = []
            for kind in ("application/vnd.test.sbom", "application/vnd.test.signature"):
                made = manifest_of(image_document(empty, [empty], artifactType=kind, subject=subject.descriptor()))
                each.push_manifest(name, made.digest, made.payload, made.media_type)
                listed.append(made.descriptor(artifactType=kind))
            if each is not client:
                assert list(each.referrers(name, subject.digest)) == []
                index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()
                each.push_manifest(name, subject.digest.replace(":", "-"), index, OCI_INDEX)
            found = list(each.referrers(name, subject.digest))
            assert {item.digest for item in found} == {item["digest"] for item in listed}
            (sbom,) = each.referrers(name, subject.digest, "application/vnd.test.sbom")
            assert (sbom.digest, sbom.artifact_type) == (listed[0]["digest"], "application/vnd.test.sbom")
            assert list(each.referrers(name, digest_of(b"nobody"))) == []


LINKS = {
    "</v2/a/tags/list?last=b>; rel=next": 2,
    '<list?last=b>; title="x, y"; rel="prev next"': 2,
    '</v2/>; rel="prev", </v2/a/tags/list?last=b>; rel="next"': 2,
    "</v2/a/tags/list?last=b>; rel=nextish": 1,
    "</v2/a/tags/list?last=b>": 1,
    "nonsense": 1,
}


@pytest.mark.parametrize("link", LINKS)
def test_links(link: str) -> None:
    def answer(asked: Asked) -> Reply:
        if "last=b" in asked.target:
            return Reply(200, b'{"tags":["c"]}')
        return Reply(200, b'{"tags":["a","b"]}', [("Link", link)])

    with scripted(answer) as server:
        assert len(list(Client(server.host, plain_http=True).tags("a"))) == LINKS[link] + 1
        assert len(server.asked) == LINKS[link]


WRONG = {
    "leads back": (b'{"tags":["a"]}', "</v2/a/tags/list?n=1000>; rel=next"),
    "leads away": (b'{"tags":["a"]}', "<http://192.0.2.1/v2/a/tags/list>; rel=next"),
    "no object": (b"[]", ""),
    "no JSON": (b"<html>", ""),
    "no list": (b'{"tags":"a"}', ""),
    "no strings": (b'{"tags":[1]}', ""),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_pages(case: str) -> None:
    body, link = WRONG[case]
    with scripted(lambda _: Reply(200, body, [("Link", link)])) as server, pytest.raises(InvalidAnswer):
        list(Client(server.host, plain_http=True).tags("a"))


@pytest.mark.parametrize("body", [b'{"tags":null}', b"{}"])
def test_nothing(body: bytes) -> None:
    with scripted(lambda _: Reply(200, body)) as server:
        assert list(Client(server.host, plain_http=True).tags("a")) == []
