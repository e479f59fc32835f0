"""curl, the way an operator looks at a registry: catalog, tags, ranges, resumed downloads, an upload by hand."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.layout import MANIFEST, sha256_of
from tests.e2e.processes import clean_environment
from tests.e2e.server import Registry
from tests.e2e.tools import system_tool

pytestmark = pytest.mark.e2e

NAMES = [f"curl/app-{number}" for number in range(5)]


@pytest.fixture(scope="module")
def curl(home: Path) -> Client:
    """curl that fails on an HTTP error."""
    return Client(system_tool("curl"), clean_environment(home), ("-q", "--silent", "--show-error", "--fail"))


@pytest.fixture(scope="module")
def layer(skopeo: Client, registry: Registry, images: Images) -> str:
    """The address of the large layer; its repository and some small ones are pushed."""
    skopeo("copy", "--dest-tls-verify=false", images.named("debian"), f"docker://{registry.host}/curl/large:1")
    for name in NAMES:
        for tag in ("1", "2", "3"):
            skopeo("copy", "--dest-tls-verify=false", images.named("busybox"), f"docker://{registry.host}/{name}:{tag}")
    return f"{registry.url}/v2/curl/large/blobs/{large(images)['digest']}"


def large(images: Images) -> dict[str, object]:
    layers: list[dict[str, object]] = images.layout.json_of(images.debian["digest"])["layers"]
    return max(layers, key=lambda layer: str(layer["size"]).zfill(12))


def test_the_catalog(curl: Client, registry: Registry, layer: str) -> None:
    everything = json.loads(curl(f"{registry.url}/v2/_catalog"))["repositories"]
    assert everything == sorted(everything)
    assert set(everything) >= {*NAMES, "curl/large"}
    page = json.loads(curl(f"{registry.url}/v2/_catalog?n=2&last=curl/app-1"))
    assert page["repositories"] == ["curl/app-2", "curl/app-3"]


def test_pages_are_linked(curl: Client, registry: Registry, layer: str, tmp_path: Path) -> None:
    found: list[str] = []
    address = f"{registry.url}/v2/_catalog?n=2"
    while address:
        page = json.loads(curl("--dump-header", tmp_path / "headers", address))
        assert len(page["repositories"]) <= 2
        found += page["repositories"]
        links = [line for line in (tmp_path / "headers").read_text().splitlines() if line.lower().startswith("link:")]
        address = registry.url + links[0].split("<")[1].split(">")[0] if links else ""
    assert found == json.loads(curl(f"{registry.url}/v2/_catalog"))["repositories"]


def test_tags(curl: Client, registry: Registry, layer: str) -> None:
    listed = json.loads(curl(f"{registry.url}/v2/curl/app-0/tags/list"))
    assert listed == {"name": "curl/app-0", "tags": ["1", "2", "3"]}
    assert json.loads(curl(f"{registry.url}/v2/curl/app-0/tags/list?n=1&last=1"))["tags"] == ["2"]


def test_ranges(curl: Client, images: Images, layer: str) -> None:
    expected = images.layout.bytes_of(str(large(images)["digest"]))
    for asked, part in (
        ("0-0", expected[:1]),
        ("1000-1999", expected[1000:2000]),
        ("-100", expected[-100:]),
        (f"{len(expected) - 5}-", expected[-5:]),
    ):
        assert curl.raw("--range", asked, layer) == part
    several = curl.raw("--range", "0-9,100-109", layer)
    assert expected[:10] in several
    assert expected[100:110] in several
    assert "416" in curl.fails("--range", f"{len(expected)}-", layer)


def test_a_download_goes_on_where_it_stopped(curl: Client, images: Images, layer: str, tmp_path: Path) -> None:
    target = tmp_path / "layer"
    curl.run("--max-time", "1", "--limit-rate", "20M", "--output", target, layer, check=False)
    size = images.layout.file(str(large(images)["digest"])).stat().st_size
    assert 0 < target.stat().st_size < size
    curl("--continue-at", "-", "--output", target, layer)
    assert sha256_of(target) == large(images)["digest"]


def test_head_and_conditional(curl: Client, registry: Registry, images: Images, layer: str, tmp_path: Path) -> None:
    headers = curl("--head", layer).lower()
    assert f"content-length: {large(images)['size']}" in headers
    assert f"docker-content-digest: {large(images)['digest']}" in headers
    manifest = f"{registry.url}/v2/curl/app-0/manifests/1"
    tag, target = tmp_path / "etag", tmp_path / "manifest"
    accept = ("--header", f"Accept: {MANIFEST}")
    curl(*accept, "--etag-save", tag, "--output", target, manifest)
    assert target.read_bytes() == images.layout.bytes_of(images.busybox["digest"])
    status = ("--write-out", "%{http_code}", "--output", tmp_path / "again")
    assert curl(*accept, "--etag-compare", tag, *status, manifest) == "304"


def test_an_upload_by_hand(curl: Client, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"by hand")
    digest = sha256_of(tmp_path / "blob")
    started = curl("--request", "POST", "--include", f"{registry.url}/v2/curl/hand/blobs/uploads/")
    location = next(line.split(" ", 1)[1] for line in started.splitlines() if line.lower().startswith("location:"))
    address = location if location.startswith("http") else registry.url + location
    address += ("&" if "?" in address else "?") + f"digest={digest}"
    status = ("--write-out", "%{http_code}")
    assert curl("--upload-file", tmp_path / "blob", *status, address) == "201"
    assert curl.raw(f"{registry.url}/v2/curl/hand/blobs/{digest}") == b"by hand"
    assert curl("--request", "DELETE", *status, f"{registry.url}/v2/curl/hand/blobs/{digest}") == "202"
    assert "404" in curl.fails(f"{registry.url}/v2/curl/hand/blobs/{digest}")
