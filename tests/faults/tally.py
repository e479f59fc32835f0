"""How many faults a run has injected over S3 and PostgreSQL; a whole run with too few of them fails.

A test says with `record_property(FAULTS, count)` how many it was; reports bring that from all processes of a run.
"""

from __future__ import annotations

from collections import Counter

import pytest

FAULTS = "faults over S3 and PostgreSQL"
LEAST = 200
"""In a run of all of `FILES`."""

FILES = frozenset(
    {
        "tests/faults/test_postgres.py",
        "tests/faults/test_s3.py",
        "tests/replicas/test_layers.py",
        "tests/replicas/test_linear.py",
    }
)


class Tally:
    """A plugin of the process that hears of every test."""

    def __init__(self, *, narrowed: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._ran: set[str] = set()
        self._narrowed = narrowed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":  # its report has what all phases recorded
            file = report.nodeid.partition("::")[0]
            self._ran.add(file)
            self.counts[file] += sum(int(str(value)) for name, value in report.user_properties if name == FAULTS)

    @property
    def problem(self) -> str:
        """What is wrong; nothing unless every file ran, as a whole."""
        total = sum(self.counts.values())
        if self._narrowed or not self._ran >= FILES or total >= LEAST:
            return ""
        return f"{total} {FAULTS} are too few, {LEAST} are to be injected: {dict(+self.counts)}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.problem and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if total := sum(self.counts.values()):
            terminalreporter.write_line(f"{total} {FAULTS}: {dict(+self.counts)}")
        if self.problem:
            terminalreporter.write_line(f"FAILED {self.problem}", red=True)
