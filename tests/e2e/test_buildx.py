"""BuildKit in the newest Docker engine, driven by buildx: bases, results, attestations, caches in the registry."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.layout import INDEX, Layout
from tests.e2e.server import Registry
from tests.e2e.tools import go_tool

# Debian's engine keeps no indexes and so cannot build for several platforms.
pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("containerd", ["newest"], indirect=True)]

DOCKERFILE = """
ARG BASE
FROM $BASE
COPY small.tar /
COPY note /note
"""


@pytest.fixture
def buildx(docker: Client) -> Client:
    """buildx as a command of its own, on the engine that docker talks to."""
    return Client(go_tool("buildx"), docker.env)


@pytest.fixture
def base(skopeo: Client, registry: Registry, images: Images) -> str:
    """The image that is built on, in the registry."""
    name = f"{registry.host}/buildx/base:1"
    skopeo("copy", "--all", "--dest-tls-verify=false", images.named("multi"), f"docker://{name}")
    return name


@pytest.fixture
def context(images: Images, tmp_path: Path) -> Path:
    """A build context."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "small.tar").write_bytes(images.tars.small.read_bytes())
    (folder / "note").write_text("a note\n")
    return folder


def test_several_platforms_with_attestations(
    buildx: Client, docker: Client, skopeo: Client, registry: Registry, base: str, context: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/buildx/multi:1"
    options = ("--platform", "linux/amd64,linux/arm64", "--provenance", "mode=max", "--build-arg", f"BASE={base}")
    buildx("build", *options, "--tag", name, "--push", context)
    entries = registry.get("/v2/buildx/multi/manifests/1", {"Accept": INDEX}).json()["manifests"]
    kinds = [entry.get("annotations", {}).get("vnd.docker.reference.type", "image") for entry in entries]
    assert sorted(kinds) == ["attestation-manifest", "attestation-manifest", "image", "image"]
    seen = json.loads(buildx("imagetools", "inspect", name, "--format", "{{json .Provenance}}"))
    assert "linux/arm64" in seen
    skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/back:1")
    back = Layout(tmp_path / "back")
    back.check(back.digest_of("1"))
    docker("pull", name)
    assert docker("run", "--rm", "--network", "none", name, "cat", "/note") == "a note"


def test_the_cache_is_kept_in_the_registry(buildx: Client, registry: Registry, base: str, context: Path) -> None:
    cache = f"{registry.host}/buildx/cache:1"
    options = ("--progress", "plain", "--build-arg", f"BASE={base}", "--cache-from", f"type=registry,ref={cache}")
    keep = ("--cache-to", f"type=registry,ref={cache},mode=max")
    buildx("build", *options, *keep, "--tag", f"{registry.host}/buildx/cached:1", "--push", context)
    assert registry.tags("buildx/cache") == ["1"]
    buildx("prune", "--all", "--force")
    again = buildx.run("build", *options, "--tag", f"{registry.host}/buildx/cached:2", "--push", context)
    assert "CACHED" in again.text
    built = [registry.get(f"/v2/buildx/cached/manifests/{tag}", {"Accept": INDEX}).json() for tag in ("1", "2")]
    # The image is the same one; what attests its build is not.
    assert built[0]["manifests"][0]["digest"] == built[1]["manifests"][0]["digest"]


def test_an_index_put_together(buildx: Client, registry: Registry, base: str) -> None:
    name = f"{registry.host}/buildx/together:1"
    buildx("imagetools", "create", "--tag", name, "--annotation", "index:made.by=buildx", base)
    index = registry.get("/v2/buildx/together/manifests/1", {"Accept": INDEX}).json()
    assert index["annotations"] == {"made.by": "buildx"}
    assert len(index["manifests"]) == 3
