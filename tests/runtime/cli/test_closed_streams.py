"""A command whose caller has closed the standard streams."""

import subprocess
import sys
from pathlib import Path


def test_a_command_does_without_standard_streams(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m runtime.cli --root {tmp_path}/root --run-root {tmp_path}/run ps"
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert "CONTAINER ID" in told.stdout
    closed = subprocess.run(["sh", "-c", f"{command} <&- >&- 2>&-"], capture_output=True, timeout=60)
    assert (closed.returncode, closed.stdout) == (0, b"")
