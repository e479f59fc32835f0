"""Alert rules and dashboard: read by Prometheus' own parser, over metrics and labels that the server really has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from registry.api.routes import BY_NAME
from registry.telemetry.families import FAMILIES, Family
from tests.e2e.processes import run
from tests.e2e.tools import system_tool
from tests.project.source import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "entrepot.json").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
# What Prometheus adds, and what Grafana puts in place before it asks.
TARGET_LABELS = {"job", "instance", "le"}
VARIABLES = {"$__rate_interval": "5m", "$job": ".+", "$instance": ".+"}


def exposed(family: Family) -> list[str]:
    """The names of its series."""
    if family.kind == "histogram":
        return [f"{family.name}_{suffix}" for suffix in ("bucket", "sum", "count")]
    return [family.exposed]


SERIES = {name: family for family in FAMILIES for name in exposed(family)}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = [rule["expr"] for rule in RULES] + QUERIES


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_its_metrics_and_labels_exist(expression: str) -> None:
    names = re.findall(r"\bentrepot_\w+", re.sub(r'"[^"]*"', '""', expression))
    assert names or expression.startswith("up{")
    assert set(names) <= set(SERIES)
    known = TARGET_LABELS.union(*(SERIES[name].labels for name in names))
    for selector in re.findall(r"\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)[=!]~?"([^"]*)"', selector):
            assert label in known
            assert label != "route" or value in BY_NAME
    for labels in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in labels.split(",")} <= known


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {SERIES[name] for query in QUERIES for name in re.findall(r"\bentrepot_\w+", query) if name in SERIES}
    assert shown == set(FAMILIES)


def test_prometheus_takes_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    rules = []
    for number, query in enumerate(QUERIES):
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        assert "$" not in query
        rules.append({"record": f"panel:{number}", "expr": query})
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(QUERIES)} rules found" in run([system_tool("promtool"), "check", "rules", path]).text


def test_the_panels_are_told_apart_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_prometheus_takes_the_alert_rules() -> None:
    assert f"{len(RULES)} rules found" in run([system_tool("promtool"), "check", "rules", ALERTS]).text


# What has to be seen, by Prometheus' notation for test series, for an alert after twenty minutes, and what must not.
WELL = {
    'up{job="entrepot",instance="a"}': "1x60",
    'entrepot_requests_total{job="entrepot",instance="a",route="blob",method="GET",status="200"}': "0+600x60",
    'entrepot_requests_total{job="entrepot",instance="a",route="blob",method="GET",status="503"}': "0x60",
    'entrepot_storage_failures_total{job="entrepot",instance="a",operation="put"}': "0x60",
    'entrepot_damaged_blobs_total{job="entrepot",instance="a"}': "2x60",
    'entrepot_request_seconds_bucket{job="entrepot",instance="a",route="manifest",method="GET",le="0.1"}': "0+99x60",
    'entrepot_request_seconds_bucket{job="entrepot",instance="a",route="manifest",method="GET",le="5"}': "0+99x60",
    'entrepot_request_seconds_bucket{job="entrepot",instance="a",route="manifest",method="GET",le="+Inf"}': "0+99x60",
    'entrepot_database_seconds_bucket{job="entrepot",instance="a",kind="read",le="0.1"}': "0+99x60",
    'entrepot_database_seconds_bucket{job="entrepot",instance="a",kind="read",le="5"}': "0+99x60",
    'entrepot_database_seconds_bucket{job="entrepot",instance="a",kind="read",le="+Inf"}': "0+99x60",
    'entrepot_follower_lag_seconds{job="entrepot",instance="a",follower="layout"}': "5x60",
    'entrepot_cpu_seconds_total{job="entrepot",instance="a"}': "0+20x60",
    'entrepot_workers{job="entrepot",instance="a"}': "2x60",
}
TROUBLES = {
    "EntrepotDown": {"up{": "1x10 0x50"},
    "EntrepotErrors": {'status="503"': "0+30x60"},
    "EntrepotStorageFails": {"storage_failures": "0+1x60"},
    "EntrepotDamagedBlobs": {"damaged": "2x15 3x45"},
    "EntrepotSlowManifests": {'route="manifest",method="GET",le="0.1"': "0+50x60"},
    "EntrepotSlowDatabase": {'kind="read",le="0.1"': "0+50x60"},
    "EntrepotFollowerBehind": {"follower_lag": "5+200x60"},
    "EntrepotSaturated": {"cpu_seconds": "0+115x60"},
    "EntrepotWorkersDie": {"entrepot_workers": "2x12 1x48"},
}


def firing(folder: Path, values: dict[str, str]) -> set[str]:
    """The alerts that Prometheus' own test runner sees firing after twenty minutes of these series."""
    series = [{"series": name, "values": values[name]} for name in values]
    asked = [{"eval_time": "20m", "alertname": rule["alert"], "exp_alerts": []} for rule in RULES]
    tests = [{"interval": "1m", "input_series": series, "alert_rule_test": asked}]
    path = folder / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    done = run([system_tool("promtool"), "test", "rules", path], check=False)
    found = set(re.findall(r"alertname: ?(\w+), time", done.text))
    assert (done.code == 0) == (not found), done.text
    return found


def test_nothing_fires_while_all_is_well(tmp_path: Path) -> None:
    assert firing(tmp_path, WELL) == set()


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
def test_an_alert_fires_on_its_trouble_alone(alert: str, tmp_path: Path) -> None:
    values = dict(WELL)
    for part, changed in TROUBLES[alert].items():
        [name] = [name for name in WELL if part in name]
        values[name] = changed
    assert firing(tmp_path, values) == {alert}
