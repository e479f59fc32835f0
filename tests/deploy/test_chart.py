"""The Helm chart: linted and rendered by helm with each example; the server reads what it makes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from registry.config import load
from tests.e2e.processes import Output, run
from tests.e2e.tools import go_tool
from tests.project.source import ROOT

CHART = ROOT / "deploy" / "helm" / "entrepot"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
KUBERNETES = ("--kube-version", "1.30")
PULL = "anonymous=pull"
SHARED = (PULL, "config.storage.driver=s3", "config.s3.bucket=b", "existingSecret=given")

Object = dict[str, Any]


def helm(*arguments: str | Path, check: bool = True) -> Output:
    """Run helm for a Kubernetes of today."""
    return run([go_tool("helm"), *arguments, *KUBERNETES], check=check)


def rendered(*arguments: str | Path) -> dict[str, Object]:
    """What the chart makes, by kind; there is one of each."""
    documents = [
        document for document in yaml.safe_load_all(helm("template", "reg", CHART, *arguments).out) if document
    ]
    by_kind = {document["kind"]: document for document in documents}
    assert len(by_kind) == len(documents)
    return by_kind


def with_values(*values: str) -> dict[str, Object]:
    """What it makes with these values alone."""
    return rendered(*(word for value in values for word in ("--set", value)))


def refused(*values: str) -> str:
    """What it says about values that it does not take."""
    words = [word for value in values for word in ("--set", value)]
    done = helm("template", "reg", CHART, *words, check=False)
    assert done.code != 0, done.out
    return done.err


@pytest.fixture(scope="module", autouse=True)
def _helm() -> None:
    go_tool("helm")


@pytest.fixture(scope="module", params=EXAMPLES, ids=[path.stem for path in EXAMPLES])
def example(request: pytest.FixtureRequest) -> tuple[Path, dict[str, Object]]:
    """An example of values, and what comes of it."""
    return request.param, rendered("--values", request.param)


def pod(objects: dict[str, Object]) -> Object:
    """The pod of the deployment."""
    found: Object = objects["Deployment"]["spec"]["template"]["spec"]
    return found


def variables(objects: dict[str, Object]) -> dict[str, Object]:
    """The variables of its container by name."""
    [container] = pod(objects)["containers"]
    return {variable["name"]: variable for variable in container["env"]}


def test_helm_has_nothing_to_say_about_it(example: tuple[Path, dict[str, Object]]) -> None:
    said = helm("lint", "--strict", CHART, "--values", example[0]).text
    assert "0 chart(s) failed" in said
    assert "[WARNING]" not in said


def test_the_server_takes_the_configuration(example: tuple[Path, dict[str, Object]], tmp_path: Path) -> None:
    objects = example[1]
    path = tmp_path / "entrepot.toml"
    path.write_text(objects["ConfigMap"]["data"]["entrepot.toml"])
    given = {
        "ENTREPOT_DATABASE_URL": "postgresql://u:p@h/d",
        "ENTREPOT_S3_ACCESS_KEY": "a",
        "ENTREPOT_S3_SECRET_KEY": "b",
    }
    environ = {name: found.get("value") or given[name] for name, found in variables(objects).items()}
    environ.pop("ENTREPOT_CONFIG")
    config = load(str(path), environ, {}).config
    assert config.server.listen == "0.0.0.0:5000"
    assert pod(objects)["terminationGracePeriodSeconds"] > config.server.drain_timeout + 5
    shared = config.storage.driver == "s3"
    assert config.database.url.startswith("postgresql:" if shared else "sqlite:")


def test_the_pod_is_restricted(example: tuple[Path, dict[str, Object]]) -> None:
    made = pod(example[1])
    [container] = made["containers"]
    assert made["securityContext"]["runAsNonRoot"] is True
    assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert made["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(made)
    assert all({"configMap", "emptyDir", "persistentVolumeClaim"} & set(volume) for volume in made["volumes"])
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_what_belongs_together_is_named_alike(example: tuple[Path, dict[str, Object]]) -> None:
    objects = example[1]
    deployment = objects["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= labels.items()
    assert objects["Service"]["spec"]["selector"] == selector
    for kind in ("PodDisruptionBudget", "ServiceMonitor"):
        if kind in objects:
            assert objects[kind]["spec"]["selector"]["matchLabels"] == selector
    if "NetworkPolicy" in objects:
        assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == selector
    if "HorizontalPodAutoscaler" in objects:
        assert "replicas" not in deployment["spec"]
        assert objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert pod(objects)["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]


def test_each_example_makes_what_it_is_for() -> None:
    kinds = {path.stem: set(rendered("--values", path)) for path in EXAMPLES}
    always = {"ConfigMap", "Deployment", "Service", "ServiceAccount"}
    assert kinds == {
        "small": always | {"PersistentVolumeClaim"},
        "replicas": always | {"PodDisruptionBudget", "Ingress", "ServiceMonitor", "NetworkPolicy"},
        "autoscaled": always | {"PodDisruptionBudget", "HorizontalPodAutoscaler"},
    }


def test_a_secret_made_beforehand_is_used_and_none_is_made() -> None:
    objects = with_values(*SHARED, "replicas=2", "secret.s3SecretKey=ignored")
    assert "Secret" not in objects
    used = {found["valueFrom"]["secretKeyRef"]["name"] for found in variables(objects).values() if "valueFrom" in found}
    assert used == {"given"}
    assert "ignored" not in json.dumps(objects)


def test_a_secret_is_made_of_values() -> None:
    url = "postgresql://u:p@h/d"
    objects = with_values(PULL, "config.storage.driver=s3", "config.s3.bucket=b", f"secret.databaseUrl={url}")
    assert objects["Secret"]["stringData"] == {"database-url": url}
    assert variables(objects)["ENTREPOT_DATABASE_URL"]["valueFrom"]["secretKeyRef"]["name"] == "reg-entrepot"
    assert url not in json.dumps([objects["ConfigMap"], objects["Deployment"]])


def test_what_cannot_work_is_refused() -> None:
    assert "anonymous must be chosen" in refused("persistence.enabled=true")
    assert "lose everything" in refused(PULL)
    assert "need a bucket" in refused(PULL, "replicas=2", "persistence.enabled=true")
    bucket = ("config.storage.driver=s3", "config.s3.bucket=b")
    assert "lose its database" in refused(PULL, *bucket)
    assert "need a PostgreSQL" in refused(PULL, *bucket, "replicas=2")
    assert "need a PostgreSQL" in refused(PULL, *bucket, "replicas=2", "secret.s3AccessKey=a")
    assert "keep nothing in a volume" in refused(*SHARED, "autoscaling.enabled=true", "persistence.enabled=true")
    assert "place of its own" in refused(*SHARED, "config.database.url=postgresql://h/d")
    assert "maxReplicas is below" in refused(*SHARED, "autoscaling.enabled=true", "autoscaling.maxReplicas=1")
    assert "replica" in refused(*SHARED, "replica=2")
    assert "anonymous" in refused("anonymous=maybe", "persistence.enabled=true")


def test_every_value_is_in_the_schema_and_the_version_is_ours() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(schema["properties"]) == set(values) | {"global"}
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'version = "{chart["appVersion"]}"' in (ROOT / "pyproject.toml").read_text()
