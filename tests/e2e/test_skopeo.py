"""skopeo: copies in both manifest formats, whole indexes, zstd, sync in both directions, list, inspect, delete."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import Client, skopeo_at
from tests.e2e.images import Images
from tests.e2e.layout import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Layout
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e

TO = "--dest-tls-verify=false"
FROM = "--src-tls-verify=false"


def place(registry: Registry, name: str) -> str:
    return f"docker://{registry.host}/skopeo/{name}"


@pytest.mark.parametrize("name", ["debian", "busybox", "zstd", "multi"])
def test_an_image_comes_back_byte_exact(
    skopeo: Client, registry: Registry, images: Images, tmp_path: Path, name: str
) -> None:
    digest = images.layout.digest_of(name)
    skopeo("copy", "--all", TO, images.named(name), place(registry, f"exact:{name}"))
    assert registry.digest_of("skopeo/exact", name) == digest
    skopeo("copy", "--all", FROM, place(registry, f"exact:{name}"), f"oci:{tmp_path}/back:{name}")
    back = Layout(tmp_path / "back")
    assert back.digest_of(name) == digest
    back.check(digest)


@pytest.mark.parametrize(("style", "media_type"), [("oci", MANIFEST), ("v2s2", DOCKER_MANIFEST)])
def test_both_formats_of_a_manifest(
    skopeo: Client, registry: Registry, images: Images, tmp_path: Path, style: str, media_type: str
) -> None:
    skopeo("copy", "--format", style, TO, images.named("busybox"), place(registry, f"format:{style}"))
    answer = registry.get(f"/v2/skopeo/format/manifests/{style}", {"Accept": media_type})
    assert answer.headers["content-type"] == media_type
    raw = skopeo("inspect", "--raw", "--tls-verify=false", place(registry, f"format:{style}"))
    assert raw.encode() == answer.body.rstrip(b"\n")
    skopeo("copy", FROM, place(registry, f"format:{style}"), f"dir:{tmp_path}/back")
    assert (tmp_path / "back" / "manifest.json").read_bytes() == answer.body
    for layer in answer.json()["layers"]:
        assert (tmp_path / "back" / layer["digest"].split(":")[1]).stat().st_size == layer["size"]


@pytest.mark.parametrize(("style", "media_type"), [("oci", INDEX), ("v2s2", DOCKER_LIST)])
def test_both_formats_of_an_index(
    skopeo: Client, registry: Registry, images: Images, style: str, media_type: str
) -> None:
    target = place(registry, f"index:{style}")
    skopeo("copy", "--all", "--format", style, TO, images.named("multi"), target)
    answer = registry.get(f"/v2/skopeo/index/manifests/{style}", {"Accept": media_type})
    assert answer.headers["content-type"] == media_type
    assert [entry["platform"]["architecture"] for entry in answer.json()["manifests"]] == ["amd64", "arm64", "arm"]
    options = ("inspect", "--tls-verify=false", "--override-arch", "arm64", "--override-variant", "v8")
    assert json.loads(skopeo(*options, target))["Architecture"] == "arm64"


def test_layers_recompressed_with_zstd(registry: Registry, images: Images, tmp_path: Path) -> None:
    # A home of its own: a skopeo that has pushed these layers as gzip before would rather use those again.
    skopeo, target = skopeo_at(tmp_path), place(registry, "recompressed:zstd")
    skopeo("copy", "--dest-decompress", images.named("debian"), f"dir:{tmp_path}/plain")
    skopeo("copy", "--dest-compress-format", "zstd", "--format", "oci", TO, f"dir:{tmp_path}/plain", target)
    manifest = registry.get("/v2/skopeo/recompressed/manifests/zstd", {"Accept": MANIFEST}).json()
    assert {layer["mediaType"].rsplit("+", 1)[-1] for layer in manifest["layers"]} == {"zstd"}
    skopeo("copy", FROM, target, f"oci:{tmp_path}/back:1")
    back = Layout(tmp_path / "back")
    back.check(back.digest_of("1"))


def test_from_repository_to_repository(skopeo: Client, registry: Registry, images: Images) -> None:
    skopeo("copy", "--all", TO, images.named("multi"), place(registry, "from:1"))
    skopeo("copy", "--all", FROM, TO, place(registry, "from:1"), place(registry, "deep/er/to:1"))
    assert registry.digest_of("skopeo/deep/er/to", "1") == images.multi["digest"]


def test_sync_out_and_in(skopeo: Client, registry: Registry, images: Images, tmp_path: Path) -> None:
    for tag in ("1", "2", "3"):
        skopeo("copy", "--all", TO, images.named("multi" if tag == "3" else "busybox"), place(registry, f"sync:{tag}"))
    source = f"{registry.host}/skopeo/sync"
    skopeo("sync", "--all", "--scoped", "--src", "docker", "--dest", "dir", FROM, source, tmp_path)
    found = sorted(path.name for path in (tmp_path / registry.host / "skopeo").iterdir())
    assert found == ["sync:1", "sync:2", "sync:3"]
    folder = tmp_path / registry.host / "skopeo"
    skopeo("sync", "--all", "--src", "dir", "--dest", "docker", TO, folder, f"{registry.host}/skopeo/again")
    assert registry.tags("skopeo/again/sync") == ["1", "2", "3"]
    assert registry.digest_of("skopeo/again/sync", "3") == images.multi["digest"]
    skopeo("sync", "--all", "--src", "docker", "--dest", "docker", FROM, TO, source, f"{registry.host}/skopeo/mirror")
    assert registry.tags("skopeo/mirror/sync") == ["1", "2", "3"]


def test_list_tags_and_inspect(skopeo: Client, registry: Registry, images: Images) -> None:
    for tag in ("b", "a", "C", "_x", "1.0"):
        skopeo("copy", TO, images.named("busybox"), place(registry, f"list:{tag}"))
    listed = json.loads(skopeo("list-tags", "--tls-verify=false", place(registry, "list")))
    assert listed["Tags"] == sorted(["b", "a", "C", "_x", "1.0"])
    seen = json.loads(skopeo("inspect", "--tls-verify=false", place(registry, "list:a")))
    assert seen["Digest"] == images.busybox["digest"]
    assert seen["Os"] == "linux"
    config = json.loads(skopeo("inspect", "--config", "--tls-verify=false", place(registry, "list:a")))
    assert config["config"]["Cmd"] == ["cat", "/etc/greeting"]


def test_delete_takes_the_manifest_and_its_tags(skopeo: Client, registry: Registry, images: Images) -> None:
    for tag in ("1", "same"):
        skopeo("copy", TO, images.named("busybox"), place(registry, f"delete:{tag}"))
    skopeo("copy", "--all", TO, images.named("multi"), place(registry, "delete:stays"))
    skopeo("delete", "--tls-verify=false", place(registry, "delete:1"))
    assert registry.tags("skopeo/delete") == ["stays"]
    assert "manifest unknown" in skopeo.fails("inspect", "--tls-verify=false", place(registry, "delete:same"))
