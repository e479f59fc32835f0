"""Reads the reports of a run of the suite. Only a pass counts as one: skipped and disabled rows are failures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

PASS = "Pass"
STATUSES = (PASS, "FAIL", "Error", "Skip", "Disabled")
API_ROWS = 28
DATA_ROWS = 24


class UnreadableResults(Exception):
    """The reports are missing or are not what this version of the suite writes."""


@dataclass(slots=True)
class Results:
    """Counts of single checks and of rows (an API or a kind of data), and what each row or check that failed says.

    `switched_off` holds the switches that the suite itself reports as off.
    """

    checks: Counter[str] = field(default_factory=Counter)
    rows: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    switched_off: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        return self.checks[PASS] + sum(status == PASS for status in self.rows.values())

    @property
    def failed(self) -> int:
        return self.checks.total() + len(self.rows) - self.passed


def read(folder: Path) -> Results:
    """The results of the run that wrote into the folder."""
    try:
        text = (folder / "results.yaml").read_text()
        suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")
    except (OSError, ElementTree.ParseError) as error:
        raise UnreadableResults(f"the suite left no readable report in {folder}: {error}") from error
    rows = _rows(text)
    if suite is None or not rows:
        raise UnreadableResults(f"the reports in {folder} are empty")
    off = [line.strip().partition(":")[0] for line in text.splitlines() if line.endswith(": false")]
    results = Results(_checks(suite), rows, switched_off=off)
    results.complaints += [f"{status}: {name}" for name, status in rows.items() if status != PASS]
    for case in suite.iter("testcase"):
        if case.get("status") != "passed":
            said = (case.findtext("system-out") or case.findtext("system-err") or "").strip()
            results.complaints.append(f"{case.get('status')}: {case.get('name')}\n      {said[:1000]}")
    return results


def shape_complaint(results: Results) -> str:
    """Why this cannot be a whole run of the suite; empty when it can be."""
    if len(results.rows) != API_ROWS + DATA_ROWS:
        return f"{len(results.rows)} rows instead of {API_ROWS + DATA_ROWS}: this is not a whole run"
    if results.checks.total() < 500:
        return f"only {results.checks.total()} checks: this is not a whole run"
    if results.switched_off:
        return f"these switches are off: {', '.join(results.switched_off)}"
    return ""


def _checks(suite: ElementTree.Element) -> Counter[str]:
    counts = {
        "FAIL": int(suite.get("failures", "0")),
        "Error": int(suite.get("errors", "0")),
        "Skip": int(suite.get("skipped", "0")),
        "Disabled": int(suite.get("disabled", "0")),
    }
    return Counter(counts | {PASS: int(suite.get("tests", "0")) - sum(counts.values())})


def _rows(text: str) -> dict[str, str]:
    """The rows under `apis:` and `data:`; a status no one knows is kept, and is no pass."""
    rows: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = line.rstrip().removesuffix(":")
        elif section in ("apis", "data"):
            name, _, status = line.strip().rpartition(": ")
            rows[f"{section}: {name}"] = status.strip("\"'")
    return rows
