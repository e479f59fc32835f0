"""The counting of the suite's reports: nothing but a pass may count as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import results

YAML = """config:
  version: 1.1
  apis:
    ping: true
    blobs:
      atomic: {switch}
apis:
  Ping: Pass
  Blob push: {api}
data:
  Image: Pass
  Nested Index: "{data}"
"""
JUNIT = """<testsuites><testsuite name="all" tests="10" failures="{fail}" errors="{error}" skipped="{skip}"{disabled}>
<testcase name="ping" status="passed"></testcase>
<testcase name="push" status="{status}"><system-out>why not</system-out></testcase>
</testsuite></testsuites>
"""


def reports(folder: Path, yaml: dict[str, str], junit: dict[str, str]) -> results.Results:
    rows = {"switch": "true", "api": "Pass", "data": "Pass"} | yaml
    checks = {"fail": "0", "error": "0", "skip": "0", "disabled": "", "status": "passed"} | junit
    (folder / "results.yaml").write_text(YAML.format(**rows))
    (folder / "junit.xml").write_text(JUNIT.format(**checks))
    return results.read(folder)


def test_all_passed(tmp_path: Path) -> None:
    found = reports(tmp_path, {}, {})
    assert (found.passed, found.failed, found.complaints) == (14, 0, [])
    assert found.rows == {
        "apis: Ping": "Pass",
        "apis: Blob push": "Pass",
        "data: Image": "Pass",
        "data: Nested Index": "Pass",
    }


@pytest.mark.parametrize("status", ["FAIL", "Error", "Skip", "Disabled", "Unknown"])
def test_a_row_that_is_no_pass_is_a_failure(tmp_path: Path, status: str) -> None:
    for row in ("api", "data"):
        found = reports(tmp_path, {row: status}, {})
        assert (found.passed, found.failed) == (13, 1)
        assert len(found.complaints) == 1


@pytest.mark.parametrize("kind", ["fail", "error", "skip", "disabled"])
def test_a_check_that_is_no_pass_is_a_failure(tmp_path: Path, kind: str) -> None:
    counts = {kind: ' disabled="3"' if kind == "disabled" else "3", "status": "skipped"}
    found = reports(tmp_path, {}, counts)
    assert (found.passed, found.failed) == (11, 3)
    assert found.complaints == ["skipped: push\n      why not"]


def test_a_part_of_a_run_is_no_run(tmp_path: Path) -> None:
    assert "not a whole run" in results.shape_complaint(reports(tmp_path, {}, {}))


def test_switches_that_are_off_are_seen(tmp_path: Path) -> None:
    assert reports(tmp_path, {"switch": "false"}, {}).switched_off == ["atomic"]


def test_no_reports(tmp_path: Path) -> None:
    with pytest.raises(results.UnreadableResults):
        results.read(tmp_path)
    (tmp_path / "results.yaml").write_text("")
    (tmp_path / "junit.xml").write_text("<testsuites/>")
    with pytest.raises(results.UnreadableResults):
        results.read(tmp_path)
