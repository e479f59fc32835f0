"""Docker engines, Debian's and the newest: build, push, pull, tag, mount, manifest lists, other people's images."""

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import SMALL_FILES, Images
from tests.e2e.layout import DOCKER_LIST, DOCKER_MANIFEST, MANIFEST
from tests.e2e.server import ACCEPT, Registry

pytestmark = pytest.mark.e2e

DOCKERFILE = """
FROM entrepot/debian:base
ADD small.tar /
COPY large.bin /srv/large.bin
RUN rm /srv/small/0/50 && ls -R /srv/small > /srv/listing
ENV PLACE=here
LABEL maker="the end-to-end tests"
CMD ["cat", "/etc/debian_version"]
"""


@pytest.fixture(scope="module")
def built(docker: Client, images: Images, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image built by the engine itself on an imported Debian; returns its id."""
    context = tmp_path_factory.mktemp("context")
    docker("import", images.tars.debian, "entrepot/debian:base")
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "small.tar").write_bytes(images.tars.small.read_bytes())
    (context / "large.bin").write_bytes(images.tars.large.read_bytes())
    docker("build", "--network", "none", "--tag", "entrepot/debian:built", context, timeout=200)
    return image_id(docker, "entrepot/debian:built")


@pytest.fixture(scope="module")
def small(docker: Client, images: Images) -> str:
    """A busybox image committed from a container; returns its id."""
    docker("import", "--change", 'CMD ["cat", "/etc/greeting"]', images.tars.busybox, "entrepot/busybox:base")
    docker("run", "--network", "none", "--name", "committed", "entrepot/busybox:base", "sh", "-c", "echo 1 > /made")
    docker("commit", "--change", 'CMD ["cat", "/made"]', "committed", "entrepot/busybox:committed")
    docker("rm", "committed")
    return image_id(docker, "entrepot/busybox:committed")


def image_id(docker: Client, name: str) -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", name)


def test_a_built_image_comes_back_the_same(docker: Client, registry: Registry, built: str) -> None:
    name = f"{registry.host}/docker/debian:1"
    docker("tag", built, name)
    docker("push", name, timeout=200)
    digest = registry.digest_of("docker/debian", "1")
    docker("rmi", name, "entrepot/debian:built")
    assert docker("images", "--quiet", "--no-trunc", "--filter", f"reference={name}") == ""
    docker("image", "prune", "--force", "--all", "--filter", "label=maker=the end-to-end tests")
    docker("pull", name, timeout=200)
    assert image_id(docker, name) == built
    listing = docker("run", "--rm", "--network", "none", name, "cat", "/srv/listing").split()
    assert len(listing) > SMALL_FILES
    assert docker("run", "--rm", "--network", "none", name).startswith("12")
    by_digest = f"{registry.host}/docker/debian@{digest}"
    docker("rmi", name)
    docker("pull", by_digest, timeout=200)
    assert image_id(docker, by_digest) == built
    docker("tag", built, "entrepot/debian:built")


def test_what_is_there_is_not_sent_again(docker: Client, registry: Registry, small: str) -> None:
    name = f"{registry.host}/docker/once:1"
    docker("tag", small, name)
    assert "Pushed" in docker("push", name)
    docker("tag", small, f"{registry.host}/docker/once:2")
    assert "Layer already exists" in docker("push", f"{registry.host}/docker/once:2")
    assert registry.digest_of("docker/once", "1") == registry.digest_of("docker/once", "2")
    docker("tag", small, f"{registry.host}/docker/elsewhere:1")
    assert "Mounted from docker/once" in docker("push", f"{registry.host}/docker/elsewhere:1")
    docker("rmi", name, f"{registry.host}/docker/once:2", f"{registry.host}/docker/elsewhere:1")
    docker("pull", f"{registry.host}/docker/elsewhere:1")
    assert docker("run", "--rm", "--network", "none", f"{registry.host}/docker/elsewhere:1") == "1"


def test_all_tags_go_and_come(docker: Client, registry: Registry, small: str) -> None:
    name = f"{registry.host}/docker/tags"
    tags = ["1", "1.0", "1.0.0", "Latest_x", "latest"]
    for tag in tags:
        docker("tag", small, f"{name}:{tag}")
    docker("push", "--all-tags", name)
    assert registry.tags("docker/tags") == sorted(tags)
    docker("rmi", *(f"{name}:{tag}" for tag in tags))
    docker("pull", "--all-tags", name)
    assert sorted(docker("images", "--format", "{{.Tag}}", name).split()) == sorted(tags)


def test_a_tag_moves(docker: Client, registry: Registry, small: str) -> None:
    name = f"{registry.host}/docker/moving:now"
    docker("tag", "entrepot/busybox:base", name)
    docker("push", name)
    first = registry.digest_of("docker/moving", "now")
    docker("tag", small, name)
    docker("push", name)
    assert registry.digest_of("docker/moving", "now") != first
    docker("rmi", name)
    docker("pull", name)
    assert image_id(docker, name) == small
    docker("pull", f"{registry.host}/docker/moving@{first}")


# The command that puts a list together is Debian's and knows no OCI manifests, which the newest engine pushes.
@pytest.mark.parametrize("containerd", ["debian"], indirect=True)
def test_a_manifest_list_picks_the_platform(docker: Client, registry: Registry, small: str) -> None:
    name = f"{registry.host}/docker/list"
    for architecture, source in (("amd64", small), ("arm64", "entrepot/busybox:base")):
        docker("tag", source, f"{name}:{architecture}")
        docker("push", f"{name}:{architecture}")
    docker("manifest", "create", "--insecure", f"{name}:both", f"{name}:amd64", f"{name}:arm64")
    docker("manifest", "annotate", "--arch", "arm64", "--variant", "v8", f"{name}:both", f"{name}:arm64")
    pushed = docker("manifest", "push", "--insecure", "--purge", f"{name}:both").split()[-1]
    assert registry.digest_of("docker/list", "both") == pushed
    answer = registry.get("/v2/docker/list/manifests/both", {"Accept": DOCKER_LIST})
    assert answer.headers["content-type"] == DOCKER_LIST
    assert [entry["platform"]["architecture"] for entry in answer.json()["manifests"]] == ["amd64", "arm64"]
    assert '"arm64"' in docker("manifest", "inspect", "--insecure", f"{name}:both")
    docker("rmi", f"{name}:amd64", f"{name}:arm64")
    docker("pull", f"{name}:both")
    assert image_id(docker, f"{name}:both") == small
    docker("pull", "--platform", "linux/arm64", f"{name}:both")
    assert image_id(docker, f"{name}:both") == image_id(docker, "entrepot/busybox:base")


@pytest.mark.parametrize(
    ("containerd", "media_type"), [("debian", DOCKER_MANIFEST), ("newest", MANIFEST)], indirect=["containerd"]
)
def test_the_kind_of_manifest(docker: Client, registry: Registry, small: str, media_type: str) -> None:
    name = f"{registry.host}/docker/kind:1"
    docker("tag", small, name)
    docker("push", name)
    manifest = registry.get("/v2/docker/kind/manifests/1", {"Accept": ACCEPT})
    assert manifest.headers["content-type"] == media_type
    config = registry.get(f"/v2/docker/kind/blobs/{manifest.json()['config']['digest']}")
    assert config.json()["config"]["Cmd"] == ["cat", "/made"]


def check_runs(docker: Client, skopeo: Client, registry: Registry, images: Images, name: str, said: str) -> None:
    target = f"{registry.host}/docker/oci:{name}"
    skopeo("copy", "--all", "--dest-tls-verify=false", images.named(name), f"docker://{target}")
    docker("pull", target, timeout=200)
    assert docker("run", "--rm", "--network", "none", target).startswith(said)


@pytest.mark.parametrize(("name", "said"), [("debian", "12"), ("multi", "hello from busybox")])
def test_images_of_other_makers_run(
    docker: Client, skopeo: Client, registry: Registry, images: Images, name: str, said: str
) -> None:
    check_runs(docker, skopeo, registry, images, name, said)


# Debian's engine fetches such a layer but cannot unpack it.
@pytest.mark.parametrize("containerd", ["newest"], indirect=True)
def test_an_image_with_a_zstd_layer_runs(docker: Client, skopeo: Client, registry: Registry, images: Images) -> None:
    check_runs(docker, skopeo, registry, images, "zstd", "hello from zstd")


def test_what_is_not_there_is_said_so(docker: Client, registry: Registry, small: str) -> None:
    docker("tag", small, f"{registry.host}/docker/absent:here")
    docker("push", f"{registry.host}/docker/absent:here")
    assert "not found" in docker.fails("pull", f"{registry.host}/docker/absent:gone")
    assert "not found" in docker.fails("pull", f"{registry.host}/docker/never:gone")
