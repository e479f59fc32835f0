"""helm: a chart packaged, pushed, shown and pulled back byte-exact."""

import json
from pathlib import Path

import pytest

from tests.e2e.clients import Client, built_client
from tests.e2e.layout import MANIFEST, sha256_of
from tests.e2e.server import Registry

pytestmark = pytest.mark.e2e

PLAIN = "--plain-http"


@pytest.fixture(scope="module")
def helm(home: Path) -> Client:
    """helm with an empty home."""
    return built_client("helm", home)


def test_a_chart_goes_and_comes(helm: Client, registry: Registry, tmp_path: Path) -> None:
    helm("create", "shop", cwd=tmp_path)
    (tmp_path / "back").mkdir()
    place = f"oci://{registry.host}/helm/charts"
    # A plus sign, which a tag may not hold: helm turns it into an underscore and back.
    for version in ("0.1.0", "0.2.0+build.7"):
        helm("package", "shop", "--version", version, cwd=tmp_path)
        helm("push", PLAIN, f"shop-{version}.tgz", place, cwd=tmp_path)
    assert registry.tags("helm/charts/shop") == ["0.1.0", "0.2.0_build.7"]
    manifest = registry.get("/v2/helm/charts/shop/manifests/0.1.0", {"Accept": MANIFEST}).json()
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    for version in ("0.1.0", "0.2.0+build.7"):
        helm("pull", PLAIN, f"{place}/shop", "--version", version, "--destination", "back", cwd=tmp_path)
        name = f"shop-{version}.tgz"
        assert sha256_of(tmp_path / "back" / name) == sha256_of(tmp_path / name)
    assert "version: 0.1.0" in helm("show", "chart", PLAIN, f"{place}/shop", "--version", "0.1.0")
    # Without a version helm lists the tags and takes the newest.
    assert "version: 0.2.0+build.7" in helm("show", "chart", PLAIN, f"{place}/shop")
    assert "kind: Deployment" in helm("template", "release", PLAIN, f"{place}/shop", "--version", "0.1.0")


def test_a_chart_depends_on_another(helm: Client, registry: Registry, tmp_path: Path) -> None:
    place = f"oci://{registry.host}/helm/parts"
    helm("create", "part", cwd=tmp_path)
    helm("package", "part", cwd=tmp_path)
    helm("push", PLAIN, "part-0.1.0.tgz", place, cwd=tmp_path)
    helm("create", "whole", cwd=tmp_path)
    dependency = {"name": "part", "version": ">=0.1.0", "repository": place}
    with (tmp_path / "whole" / "Chart.yaml").open("a") as chart:
        chart.write(f"\ndependencies: {json.dumps([dependency])}\n")
    helm("dependency", "update", PLAIN, "whole", cwd=tmp_path)
    assert sha256_of(tmp_path / "whole" / "charts" / "part-0.1.0.tgz") == sha256_of(tmp_path / "part-0.1.0.tgz")
