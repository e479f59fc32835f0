"""cosign: sign and verify with a key, as attached artifacts found by the referrers API and as tags."""

from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.processes import clean_environment
from tests.e2e.server import Registry
from tests.e2e.tools import go_tool

pytestmark = pytest.mark.e2e

PLAIN = "--allow-http-registry=true"
OFFLINE = ("--tlog-upload=false", "--use-signing-config=false", "--yes")


@pytest.fixture(scope="module")
def cosign(home: Path) -> Client:
    """cosign with a password for its keys."""
    return Client(go_tool("cosign"), {**clean_environment(home), "COSIGN_PASSWORD": "secret"})


@pytest.fixture(scope="module")
def keys(cosign: Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two key pairs, mine and other."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        cosign("generate-key-pair", "--output-key-prefix", name, cwd=folder)
    return folder


def push(skopeo: Client, registry: Registry, images: Images, name: str) -> str:
    target = f"{registry.host}/cosign/{name}"
    skopeo("copy", "--all", "--dest-tls-verify=false", images.named("multi"), f"docker://{target}:1")
    return f"{target}@{images.multi['digest']}"


def verify(keys: Path, name: str) -> tuple[str | Path, ...]:
    return "verify", PLAIN, "--insecure-ignore-tlog=true", "--key", keys / f"{name}.pub"


def test_sign_and_verify_by_referrers(
    cosign: Client, skopeo: Client, registry: Registry, images: Images, keys: Path
) -> None:
    image = push(skopeo, registry, images, "bundle")
    assert "no signatures found" in cosign.fails(*verify(keys, "mine"), image)
    cosign("sign", PLAIN, *OFFLINE, "--key", keys / "mine.key", "-a", "stage=test", image)
    assert "stage" in cosign(*verify(keys, "mine"), "-a", "stage=test", image)
    cosign.fails(*verify(keys, "other"), image)
    referrers = registry.get(f"/v2/cosign/bundle/referrers/{images.multi['digest']}").json()["manifests"]
    assert len(referrers) == 1
    assert registry.tags("cosign/bundle") == ["1"]
    assert "application/vnd.dev.sigstore.bundle" in referrers[0]["artifactType"]


def test_a_signature_under_a_tag(
    cosign: Client, skopeo: Client, registry: Registry, images: Images, keys: Path
) -> None:
    image = push(skopeo, registry, images, "legacy")
    legacy = "--registry-referrers-mode=legacy"
    cosign("sign", PLAIN, *OFFLINE, legacy, "--new-bundle-format=false", "--key", keys / "mine.key", image)
    assert registry.tags("cosign/legacy") == ["1", f"{images.multi['digest'].replace(':', '-')}.sig"]
    cosign(*verify(keys, "mine"), "--new-bundle-format=false", image)
    cosign.fails(*verify(keys, "other"), "--new-bundle-format=false", image)


def test_every_image_of_an_index(
    cosign: Client, skopeo: Client, registry: Registry, images: Images, keys: Path
) -> None:
    image = push(skopeo, registry, images, "recursive")
    cosign("sign", PLAIN, *OFFLINE, "--recursive", "--key", keys / "mine.key", image)
    for entry in images.layout.json_of(images.multi["digest"])["manifests"]:
        cosign(*verify(keys, "mine"), f"{registry.host}/cosign/recursive@{entry['digest']}")


def test_an_attestation(
    cosign: Client, skopeo: Client, registry: Registry, images: Images, keys: Path, tmp_path: Path
) -> None:
    image = push(skopeo, registry, images, "attested")
    (tmp_path / "predicate.json").write_text('{"checked": "yes"}')
    what = ("--type", "https://example.com/checked/v1", "--predicate", tmp_path / "predicate.json")
    cosign("attest", PLAIN, *OFFLINE, "--key", keys / "mine.key", *what, image)
    _, *options = verify(keys, "mine")
    cosign("verify-attestation", *options, *what[:2], image)
    assert "checked" in cosign("tree", PLAIN, image)
