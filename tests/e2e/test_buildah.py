"""buildah: an image built from nothing, pushed with both compressions, and an index put together and pushed whole."""

from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.layout import DOCKER_LIST, DOCKER_MANIFEST, MANIFEST, Layout
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e

PLAIN = "--tls-verify=false"


@pytest.fixture(scope="module")
def built(buildah: Client, images: Images) -> str:
    """An image of two layers, the second with thousands of files; returns its name in the local storage."""
    container = buildah("from", "scratch")
    buildah("add", container, images.tars.busybox, "/")
    buildah("config", "--cmd", "cat /etc/greeting", "--env", "PLACE=here", container)
    buildah("commit", "--rm", container, "localhost/base")
    container = buildah("from", "--pull-never", "localhost/base")
    buildah("add", container, images.tars.small, "/")
    buildah("commit", "--rm", container, "localhost/built")
    return "localhost/built"


@pytest.mark.parametrize(("style", "media_type"), [("oci", MANIFEST), ("v2s2", DOCKER_MANIFEST)])
def test_push_and_pull(
    buildah: Client, registry: Registry, built: str, tmp_path: Path, style: str, media_type: str
) -> None:
    name, digest = f"{registry.host}/buildah/pushed:{style}", tmp_path / "digest"
    buildah("push", PLAIN, "--format", style, "--digestfile", digest, built, f"docker://{name}")
    answer = registry.get(f"/v2/buildah/pushed/manifests/{style}", {"Accept": media_type})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["docker-content-digest"] == digest.read_text()
    pulled = buildah("pull", "--quiet", PLAIN, f"docker://{name}")
    assert answer.json()["config"]["digest"] == f"sha256:{pulled}"


def test_zstd(buildah: Client, skopeo: Client, registry: Registry, images: Images, tmp_path: Path) -> None:
    # Layers that no other test pushes: the storage would remember them as gzip and push them so.
    container = buildah("from", "scratch")
    buildah("add", container, images.tars.removed, "/zstd-only/")
    buildah("commit", "--rm", container, "localhost/zstd")
    name = f"{registry.host}/buildah/zstd:1"
    buildah("push", PLAIN, "--format", "oci", "--compression-format", "zstd", "localhost/zstd", f"docker://{name}")
    manifest = registry.get("/v2/buildah/zstd/manifests/1", {"Accept": MANIFEST}).json()
    assert [layer["mediaType"].rsplit("+", 1)[-1] for layer in manifest["layers"]] == ["zstd"]
    skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/back:1")
    back = Layout(tmp_path / "back")
    back.check(back.digest_of("1"))


def test_an_index(buildah: Client, skopeo: Client, registry: Registry, images: Images, built: str) -> None:
    name = f"{registry.host}/buildah/index:1"
    buildah("manifest", "create", "localhost/index")
    buildah("manifest", "add", "localhost/index", built)
    buildah("manifest", "add", "--arch", "arm64", "--variant", "v8", "localhost/index", "localhost/base")
    buildah("manifest", "push", PLAIN, "--all", "--format", "v2s2", "localhost/index", f"docker://{name}")
    answer = registry.get("/v2/buildah/index/manifests/1", {"Accept": DOCKER_LIST})
    entries = answer.json()["manifests"]
    assert [entry["platform"]["architecture"] for entry in entries] == ["amd64", "arm64"]
    for entry in entries:
        assert registry.digest_of("buildah/index", entry["digest"]) == entry["digest"]
