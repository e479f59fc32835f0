"""oras: artifacts, what is attached to them, copies that take the attachments along."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.layout import MANIFEST, Layout
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e

API = ("--distribution-spec", "v1.1-referrers-api")


@pytest.fixture(scope="module")
def image(skopeo: Client, registry: Registry, images: Images) -> str:
    """An index to attach things to."""
    name = f"{registry.host}/oras/image:1"
    skopeo("copy", "--all", "--dest-tls-verify=false", images.named("multi"), f"docker://{name}")
    return name


def discovered(oras: Client, name: str, *options: str) -> list[dict[str, Any]]:
    found = json.loads(oras("discover", "--plain-http", *API, "--format", "json", *options, name))
    referrers: list[dict[str, Any]] = found["referrers"] or []
    return referrers


def attach(oras: Client, folder: Path, name: str, kind: str, text: str, *options: str) -> str:
    (folder / "attached.txt").write_text(text)
    arguments = ("attach", "--plain-http", *API, "--artifact-type", kind, "--format", "json", *options, name)
    return str(json.loads(oras(*arguments, "attached.txt:text/plain", cwd=folder))["digest"])


def test_files_come_back(oras: Client, registry: Registry, images: Images, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "folder" / "deep").mkdir(parents=True)
    (source / "note.txt").write_text("a note\n")
    (source / "empty").write_bytes(b"")
    (source / "folder" / "deep" / "file").write_text("below\n")
    (source / "large.tar").symlink_to(images.tars.large)
    name = f"{registry.host}/oras/files:1"
    kinds = ["note.txt:text/plain", "empty", "folder", "large.tar:application/x-tar"]
    oras("push", "--plain-http", "--artifact-type", "application/vnd.example.files", name, *kinds, cwd=source)
    oras("pull", "--plain-http", "--output", target, name)
    assert (target / "note.txt").read_text() == "a note\n"
    assert (target / "empty").read_bytes() == b""
    assert (target / "folder" / "deep" / "file").read_text() == "below\n"
    assert (target / "large.tar").read_bytes() == images.tars.large.read_bytes()
    manifest = registry.get("/v2/oras/files/manifests/1", {"Accept": MANIFEST}).json()
    assert manifest["artifactType"] == "application/vnd.example.files"


def test_attach_and_discover(oras: Client, registry: Registry, image: str, tmp_path: Path) -> None:
    sbom = attach(oras, tmp_path, image, "application/vnd.example.sbom", "sbom", "--annotation", "made.by=oras")
    signature = attach(oras, tmp_path, image, "application/vnd.example.signature", "signature")
    found = {entry["digest"]: entry for entry in discovered(oras, image, "--depth", "1")}
    assert set(found) == {sbom, signature}
    assert found[sbom]["artifactType"] == "application/vnd.example.sbom"
    assert found[sbom]["annotations"]["made.by"] == "oras"
    only = discovered(oras, image, "--artifact-type", "application/vnd.example.signature")
    assert [entry["digest"] for entry in only] == [signature]
    # The referrers API answered: had it not, the client would have left a list under a tag.
    assert registry.tags("oras/image") == ["1"]
    oras("manifest", "delete", "--plain-http", "--force", f"{image.rsplit(':', 1)[0]}@{sbom}")
    assert [entry["digest"] for entry in discovered(oras, image)] == [signature]


def test_copy_takes_the_attachments_along(oras: Client, registry: Registry, image: str, tmp_path: Path) -> None:
    first = f"{registry.host}/oras/first:1"
    oras("cp", "--from-plain-http", "--to-plain-http", image, first)
    sbom = attach(oras, tmp_path, first, "application/vnd.example.sbom", "an sbom")
    of_sbom = f"{first.rsplit(':', 1)[0]}@{sbom}"
    signature = attach(oras, tmp_path, of_sbom, "application/vnd.example.signature", "of the sbom")
    second = f"{registry.host}/oras/deep/second:1"
    oras("cp", "--recursive", "--from-plain-http", "--to-plain-http", first, second)
    assert registry.digest_of("oras/deep/second", "1") == registry.digest_of("oras/first", "1")
    found = discovered(oras, second)
    assert [entry["digest"] for entry in found] == [sbom]
    assert [entry["digest"] for entry in found[0]["referrers"]] == [signature]


def test_through_a_layout_and_back(oras: Client, registry: Registry, image: str, tmp_path: Path) -> None:
    source = f"{registry.host}/oras/kept:1"
    oras("cp", "--from-plain-http", "--to-plain-http", image, source)
    sbom = attach(oras, tmp_path, source, "application/vnd.example.sbom", "kept")
    layout = tmp_path / "layout"
    oras("cp", "--recursive", "--from-plain-http", "--to-oci-layout", source, f"{layout}:1")
    Layout(layout).check(sbom)
    restored = f"{registry.host}/oras/restored:1"
    oras("cp", "--recursive", "--from-oci-layout", "--to-plain-http", f"{layout}:1", restored)
    assert [entry["digest"] for entry in discovered(oras, restored)] == [sbom]


def test_the_older_tag_scheme(oras: Client, registry: Registry, image: str, tmp_path: Path) -> None:
    """What a client without the referrers API wrote is found by the API as well."""
    old = f"{registry.host}/oras/old:1"
    oras("cp", "--from-plain-http", "--to-plain-http", image, old)
    (tmp_path / "attached.txt").write_text("by tag")
    scheme = ("--distribution-spec", "v1.1-referrers-tag")
    arguments = ("attach", "--plain-http", *scheme, "--artifact-type", "application/vnd.example.old", old)
    oras(*arguments, "attached.txt:text/plain", cwd=tmp_path)
    assert [entry["artifactType"] for entry in discovered(oras, old)] == ["application/vnd.example.old"]


def test_blobs_tags_and_lists(oras: Client, registry: Registry, image: str, tmp_path: Path) -> None:
    name = f"{registry.host}/oras/tagged"
    oras("cp", "--from-plain-http", "--to-plain-http", image, f"{name}:1,2,3")
    oras("tag", "--plain-http", f"{name}:1", "four", "five")
    assert oras("repo", "tags", "--plain-http", name).split() == ["1", "2", "3", "five", "four"]
    assert "oras/tagged" in oras("repo", "ls", "--plain-http", registry.host).split()
    assert oras("resolve", "--plain-http", f"{name}:five") == registry.digest_of("oras/tagged", "1")
    (tmp_path / "blob").write_bytes(b"a blob of its own")
    pushed = json.loads(oras("blob", "push", "--plain-http", "--descriptor", name, tmp_path / "blob"))
    reference = f"{name}@{pushed['digest']}"
    assert oras("blob", "fetch", "--plain-http", "--output", "-", reference) == "a blob of its own"
    oras("blob", "delete", "--plain-http", "--force", reference)
    assert "not found" in oras.fails("blob", "fetch", "--plain-http", "--output", "-", reference)
