"""crane: push, pull, copy, digests, lists, append, indexes put together, validation, delete by digest and by tag."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.layout import Layout
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def here(crane: Client, skopeo: Client, registry: Registry, images: Images) -> str:
    """The repository that holds every image under its name; debian is pushed by crane itself, out of a layout."""
    name = f"{registry.host}/crane/here"
    for image in ("busybox", "zstd", "multi"):
        skopeo("copy", "--all", "--dest-tls-verify=false", images.named(image), f"docker://{name}:{image}")
    return name


def test_push_and_pull_a_layout(
    crane: Client, skopeo: Client, registry: Registry, images: Images, tmp_path: Path
) -> None:
    skopeo("copy", images.named("debian"), f"oci:{tmp_path}/out:debian")
    pushed = crane("push", tmp_path / "out", f"{registry.host}/crane/debian:1")
    assert pushed.endswith(images.debian["digest"])
    crane("pull", "--format", "oci", f"{registry.host}/crane/debian:1", tmp_path / "back")
    back = Layout(tmp_path / "back")
    assert back.digest_of("") == images.debian["digest"]
    back.check(images.debian["digest"])
    crane("validate", "--remote", f"{registry.host}/crane/debian:1")


def test_a_tarball(crane: Client, registry: Registry, here: str, tmp_path: Path) -> None:
    crane("pull", f"{here}:busybox", tmp_path / "image.tar")
    crane("push", tmp_path / "image.tar", f"{registry.host}/crane/tarball:1")
    assert crane("config", f"{registry.host}/crane/tarball:1") == crane("config", f"{here}:busybox")


def test_copy_keeps_the_digest(crane: Client, registry: Registry, here: str, images: Images) -> None:
    for name in ("busybox", "zstd", "multi"):
        crane("copy", f"{here}:{name}", f"{registry.host}/crane/copied/{name}:1")
        assert crane("digest", f"{registry.host}/crane/copied/{name}:1") == images.layout.digest_of(name)
    crane("copy", "--all-tags", here, f"{registry.host}/crane/copied/all")
    assert set(registry.tags("crane/copied/all")) >= {"busybox", "multi", "zstd"}


def test_manifest_config_and_blob(crane: Client, here: str, images: Images) -> None:
    assert crane.raw("manifest", f"{here}:busybox") == images.layout.bytes_of(images.busybox["digest"])
    manifest = images.layout.json_of(images.busybox["digest"])
    assert crane.raw("config", f"{here}:busybox") == images.layout.bytes_of(manifest["config"]["digest"])
    layer = manifest["layers"][0]["digest"]
    assert f"sha256:{hashlib.sha256(crane.raw('blob', f'{here}@{layer}')).hexdigest()}" == layer
    assert crane("digest", "--platform", "linux/arm64/v8", f"{here}:multi") in str(
        images.layout.json_of(images.multi["digest"])
    )


def test_export_the_file_system(crane: Client, here: str, tmp_path: Path) -> None:
    crane("export", f"{here}:zstd", tmp_path / "files.tar")
    assert b"hello from zstd" in (tmp_path / "files.tar").read_bytes()


def test_append_and_mutate(crane: Client, registry: Registry, here: str, images: Images) -> None:
    name = f"{registry.host}/crane/appended"
    crane("append", "--base", f"{here}:busybox", "--new_layer", images.tars.small, "--new_tag", f"{name}:1")
    layers = json.loads(crane("manifest", f"{name}:1"))["layers"]
    assert len(layers) == 2
    crane("mutate", "--label", "made=by crane", "--annotation", "a=b", "--tag", f"{name}:2", f"{name}:1")
    assert json.loads(crane("config", f"{name}:2"))["config"]["Labels"] == {"made": "by crane"}
    assert json.loads(crane("manifest", f"{name}:2"))["annotations"] == {"a": "b"}
    crane("flatten", "--tag", f"{name}:3", f"{name}:2")
    assert len(json.loads(crane("manifest", f"{name}:3"))["layers"]) == 1
    crane("rebase", f"{name}:1", "--old_base", f"{here}:busybox", "--new_base", f"{here}:busybox", "--tag", f"{name}:4")
    assert len(json.loads(crane("manifest", f"{name}:4"))["layers"]) == 2


def test_an_index_put_together(crane: Client, registry: Registry, here: str) -> None:
    name = f"{registry.host}/crane/index"
    crane("index", "append", "-m", f"{here}:busybox", "-m", f"{here}:zstd", "-t", f"{name}:oci")
    crane("index", "append", f"{name}:oci", "-m", f"{here}:multi", "--flatten=false", "-t", f"{name}:nested")
    nested = json.loads(crane("manifest", f"{name}:nested"))["manifests"]
    assert len(nested) == 3
    crane("index", "append", "--docker-empty-base", "-m", f"{here}:busybox", "-t", f"{name}:docker")
    assert json.loads(crane("manifest", f"{name}:docker"))["mediaType"].endswith("manifest.list.v2+json")
    crane("index", "filter", f"{here}:multi", "--platform", "linux/arm64/v8", "-t", f"{name}:filtered")
    assert len(json.loads(crane("manifest", f"{name}:filtered"))["manifests"]) == 1
    # Not the one with the zstd image: crane's check of layers knows gzip only.
    for tag in ("docker", "filtered"):
        crane("validate", "--remote", f"{name}:{tag}")


def test_tags_and_catalog(crane: Client, registry: Registry, here: str) -> None:
    crane("tag", f"{here}:busybox", "another")
    crane("copy", f"{here}:busybox", f"{registry.host}/crane/listed:1")
    assert set(crane("ls", here).split()) >= {"another", "busybox", "multi", "zstd"}
    assert set(crane("catalog", registry.host).split()) >= {"crane/here", "crane/listed"}


def test_delete(crane: Client, registry: Registry, here: str) -> None:
    name = f"{registry.host}/crane/deleted"
    for tag in ("one", "two"):
        crane("copy", f"{here}:busybox", f"{name}:{tag}")
    crane("copy", f"{here}:multi", f"{name}:three")
    crane("delete", f"{name}:one")
    assert registry.tags("crane/deleted") == ["three", "two"]
    digest = crane("digest", f"{name}:two")
    crane("delete", f"{name}@{digest}")
    assert registry.tags("crane/deleted") == ["three"]
    assert "MANIFEST_UNKNOWN" in crane.fails("manifest", f"{name}:two")
    assert "MANIFEST_UNKNOWN" in crane.fails("manifest", f"{name}@{digest}")
