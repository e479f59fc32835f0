"""regctl: copies with referrers, tags, artifacts, and deletion of a single tag."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import Client, built_client
from tests.e2e.images import Images
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def regctl(registry: Registry, home: Path) -> Client:
    """regctl, told that this registry speaks plain HTTP."""
    return built_client("regctl", home, "--host", f"reg={registry.host},tls=disabled")


@pytest.fixture(scope="module")
def image(regctl: Client, registry: Registry, images: Images) -> str:
    """An index, pushed by regctl out of the layout."""
    name = f"{registry.host}/regctl/image:1"
    regctl("image", "copy", f"ocidir://{images.layout.path}:multi", name)
    return name


def test_the_copy_is_the_image(regctl: Client, image: str, images: Images) -> None:
    assert regctl("image", "digest", image) == images.multi["digest"]
    assert regctl.raw("manifest", "get", "--format", "raw-body", image) == images.layout.bytes_of(
        images.multi["digest"]
    )
    config = json.loads(regctl("image", "config", "--platform", "linux/arm64/v8", image, "--format", "body"))
    assert config["architecture"] == "arm64"


def test_large_layers(regctl: Client, registry: Registry, images: Images, tmp_path: Path) -> None:
    name = f"{registry.host}/regctl/debian:1"
    regctl("image", "copy", f"ocidir://{images.layout.path}:debian", name)
    regctl("image", "export", name, tmp_path / "image.tar")
    regctl("image", "import", f"{registry.host}/regctl/imported:1", tmp_path / "image.tar")
    assert registry.digest_of("regctl/imported", "1") == images.debian["digest"]


def test_tags(regctl: Client, registry: Registry, image: str) -> None:
    name = f"{registry.host}/regctl/tags"
    for tag in ("1", "2", "3"):
        regctl("image", "copy", image, f"{name}:{tag}")
    assert regctl("tag", "ls", name).split() == ["1", "2", "3"]
    regctl("tag", "delete", f"{name}:2")
    assert regctl("tag", "ls", name).split() == ["1", "3"]
    # The other tags share the manifest: a client that had to fake the deletion would have replaced it.
    assert registry.digest_of("regctl/tags", "1") == registry.digest_of("regctl/image", "1")
    regctl("manifest", "delete", "--force-tag-dereference", f"{name}:1")
    assert registry.tags("regctl/tags") == []
    assert "regctl/tags" in regctl("repo", "ls", registry.host).split()


def test_artifacts_with_a_subject(regctl: Client, registry: Registry, image: str, tmp_path: Path) -> None:
    (tmp_path / "sbom.json").write_text('{"sbom": true}')
    name = f"{registry.host}/regctl/subject:1"
    regctl("image", "copy", image, name)
    put = ("artifact", "put", "--artifact-type", "application/vnd.example.sbom", "--annotation", "made.by=regctl")
    regctl(*put, "--file", tmp_path / "sbom.json", "--subject", name)
    listed = json.loads(regctl("artifact", "list", name, "--format", "{{json .Descriptors}}"))
    assert [entry["artifactType"] for entry in listed] == ["application/vnd.example.sbom"]
    assert listed[0]["annotations"]["made.by"] == "regctl"
    got = regctl("artifact", "get", "--subject", name, "--filter-artifact-type", "application/vnd.example.sbom")
    assert got == '{"sbom": true}'
    copied = f"{registry.host}/regctl/subject-copied:1"
    regctl("image", "copy", "--referrers", name, copied)
    assert json.loads(regctl("artifact", "list", copied, "--format", "{{json .Descriptors}}")) == listed
    assert registry.tags("regctl/subject") == ["1"]


def test_an_index_and_a_blob(regctl: Client, registry: Registry, image: str) -> None:
    name = f"{registry.host}/regctl/index:1"
    regctl("index", "create", name, "--ref", image, "--platform", "linux/amd64")
    assert len(json.loads(regctl("manifest", "get", "--format", "raw-body", name))["manifests"]) == 1
    digest = regctl("blob", "put", f"{registry.host}/regctl/index", given=b"bytes")
    assert regctl.raw("blob", "get", f"{registry.host}/regctl/index", digest) == b"bytes"
    regctl("blob", "delete", f"{registry.host}/regctl/index", digest)
    regctl.fails("blob", "head", f"{registry.host}/regctl/index", digest)


def test_sha512(regctl: Client, registry: Registry, image: str) -> None:
    name = f"{registry.host}/regctl/sha512:1"
    regctl("image", "mod", image, "--digest-algo", "sha512", "--create", name)
    digest = registry.digest_of("regctl/sha512", "1")
    index = json.loads(regctl("manifest", "get", "--format", "raw-body", name))
    assert {entry["digest"].split(":")[0] for entry in index["manifests"]} == {"sha512"}
    copied = f"{registry.host}/regctl/sha512-copied:1"
    regctl("image", "copy", name, copied)
    assert regctl("image", "digest", copied) == digest == regctl("image", "digest", name)
