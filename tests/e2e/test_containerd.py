"""containerd's ctr on a containerd of its own: pull, run, push, every platform of an index."""

import hashlib
import json

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.layout import MANIFEST
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def source(skopeo: Client, registry: Registry, images: Images) -> str:
    """The repository that holds every image under its name."""
    name = f"{registry.host}/containerd/source"
    for image in ("debian", "zstd", "multi"):
        skopeo("copy", "--all", "--dest-tls-verify=false", images.named(image), f"docker://{name}:{image}")
    return name


def pull(ctr: Client, reference: str, *options: str) -> None:
    ctr("images", "pull", "--plain-http", *options, reference, timeout=200)


@pytest.mark.parametrize(("tag", "said"), [("debian", "12"), ("zstd", "hello"), ("multi", "hello")])
def test_pull_and_run(ctr: Client, source: str, images: Images, tag: str, said: str) -> None:
    pull(ctr, f"{source}:{tag}")
    listed = ctr("images", "ls", f"name=={source}:{tag}")
    assert images.layout.digest_of(tag) in listed
    assert ctr("run", "--rm", "--runc-binary", "runc", f"{source}:{tag}", f"run-{tag}").startswith(said)


def test_every_blob_arrives_byte_exact(ctr: Client, source: str, images: Images) -> None:
    pull(ctr, f"{source}:multi", "--all-platforms")
    for descriptor in images.layout.closure(images.multi["digest"]):
        got = ctr.raw("content", "get", descriptor["digest"])
        assert f"sha256:{hashlib.sha256(got).hexdigest()}" == descriptor["digest"]


def test_push_an_image(ctr: Client, registry: Registry, source: str, images: Images) -> None:
    pull(ctr, f"{source}:debian")
    target = f"{registry.host}/containerd/pushed:1"
    ctr("images", "tag", f"{source}:debian", target)
    ctr("images", "push", "--plain-http", target)
    answer = registry.get("/v2/containerd/pushed/manifests/1", {"Accept": MANIFEST})
    assert answer.body == images.layout.bytes_of(images.debian["digest"])


def test_push_an_index(ctr: Client, registry: Registry, source: str, images: Images) -> None:
    pull(ctr, f"{source}:multi", "--all-platforms")
    ctr("images", "push", "--plain-http", f"{registry.host}/containerd/index:1", f"{source}:multi")
    assert registry.digest_of("containerd/index", "1") == images.multi["digest"]
    for entry in json.loads(images.layout.bytes_of(images.multi["digest"]))["manifests"]:
        assert registry.digest_of("containerd/index", entry["digest"]) == entry["digest"]
