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


def verify(keys: Path, name: str) -> tuple[str | Path, ...]:
    return "verify", PLAIN, "--insecure-ignore-tlog=true", "--key", keys / f"{name}.pub"
