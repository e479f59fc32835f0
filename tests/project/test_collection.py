"""Tests run in two processes, which must find the same ones: whatever the hash seed is, and the time."""

import os
import subprocess
import sys
import time

from tests.project.source import ROOT

LEFT_OUT = ("e2e", "bench", "conformance")


def test_the_same_tests_are_found_in_every_process() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    command += [f"--ignore=tests/{folder}" for folder in LEFT_OUT]
    found = []
    for seed in ("1", "2"):
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-2000:]
        found.append([line for line in done.stdout.splitlines() if "::" in line])
        time.sleep(1.1)  # a second later, in case a name is made of the time
    assert found[0] == found[1]
    assert len(found[0]) > 1000
