"""podman: pull, run, commit, push, manifest lists."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import SMALL_FILES, Images
from tests.e2e.layout import DOCKER_MANIFEST, INDEX, MANIFEST
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e

PLAIN = "--tls-verify=false"
RUN = ("run", "--rm", "--network", "none", "--pull", "never")


@pytest.fixture(scope="module")
def source(skopeo: Client, registry: Registry, images: Images) -> str:
    """The repository that holds every image under its name."""
    name = f"{registry.host}/podman/source"
    for image in ("debian", "busybox", "zstd", "multi"):
        skopeo("copy", "--all", "--dest-tls-verify=false", images.named(image), f"docker://{name}:{image}")
    return name


@pytest.mark.parametrize(
    ("tag", "said"), [("debian", "12"), ("busybox", "hello"), ("zstd", "hello"), ("multi", "hello")]
)
def test_pull_and_run(podman: Client, source: str, images: Images, tag: str, said: str) -> None:
    podman("pull", PLAIN, f"{source}:{tag}", timeout=200)
    seen = json.loads(podman("image", "inspect", f"{source}:{tag}"))[0]
    assert images.layout.digest_of(tag) in " ".join(seen["RepoDigests"])
    assert podman(*RUN, f"{source}:{tag}").startswith(said)


def test_large_and_many_files_arrive_whole(podman: Client, source: str, images: Images) -> None:
    podman("pull", PLAIN, f"{source}:debian", timeout=200)
    count = podman(*RUN, f"{source}:debian", "sh", "-c", "find /srv/small -type f | wc -l; stat -c %s /srv/large.bin")
    files, size = (int(word) for word in count.split())
    # One of the small files has a second name, one more is named beyond ASCII, one is removed by the last layer.
    assert files == SMALL_FILES + 2 - 1
    assert size > 100_000_000
    assert podman(*RUN, f"{source}:debian", "cat", "/srv/small/0/50") == "replaced"


@pytest.mark.parametrize(("style", "media_type"), [("oci", MANIFEST), ("v2s2", DOCKER_MANIFEST)])
def test_what_was_pushed_comes_back(
    podman: Client, registry: Registry, source: str, tmp_path: Path, style: str, media_type: str
) -> None:
    name, digest = f"{registry.host}/podman/pushed:{style}", tmp_path / "digest"
    podman("pull", PLAIN, f"{source}:busybox")
    podman("run", "--name", style, "--network", "none", f"{source}:busybox", "sh", "-c", "echo changed > /made")
    podman("commit", style, name)
    podman("rm", style)
    image_id = podman("image", "inspect", "--format", "{{.Id}}", name)
    podman("push", PLAIN, "--format", style, "--digestfile", digest, name)
    assert registry.digest_of("podman/pushed", style) == digest.read_text()
    answer = registry.get(f"/v2/podman/pushed/manifests/{style}", {"Accept": media_type})
    assert answer.headers["content-type"] == media_type
    podman("rmi", name)
    podman("pull", PLAIN, name)
    if style == "oci":
        # In the other format the config is another document, and an image's id is its digest.
        assert podman("image", "inspect", "--format", "{{.Id}}", name) == image_id
    assert podman(*RUN, name, "cat", "/made") == "changed"


def test_a_manifest_list(podman: Client, registry: Registry, source: str) -> None:
    name = f"{registry.host}/podman/list:1"
    podman("manifest", "create", name)
    podman("manifest", "add", PLAIN, "--all", name, f"docker://{source}:multi")
    podman("manifest", "push", PLAIN, "--all", name, f"docker://{name}")
    answer = registry.get("/v2/podman/list/manifests/1", {"Accept": INDEX})
    assert [entry["platform"]["architecture"] for entry in answer.json()["manifests"]] == ["amd64", "arm64", "arm"]
    podman("manifest", "rm", name)
    podman("pull", PLAIN, "--arch", "arm64", name)
    assert podman("image", "inspect", "--format", "{{.Architecture}}", name) == "arm64"


def test_what_is_not_there_is_said_so(podman: Client, source: str) -> None:
    assert "manifest unknown" in podman.fails("pull", PLAIN, f"{source}:gone")
