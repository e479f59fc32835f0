"""The tally of faults: what is counted, over several processes, and that too few fail a run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.tally import FILES, LEAST

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("processes", [(), ("-p", "xdist", "-n", "2", "--dist", "loadfile")], ids=["one", "two"])
@pytest.mark.parametrize(("each", "more", "code"), [(LEAST // 4, (), 0), (9, (), 1), (9, ("-k", "test_some"), 0)])
def test_too_few_faults_fail_a_whole_run(
    tmp_path: Path, processes: tuple[str, ...], each: int, more: tuple[str, ...], code: int
) -> None:
    for name in FILES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            "import pytest\n\n@pytest.fixture(autouse=True)\ndef late(record_property):\n    yield\n"
            f"    record_property('faults over S3 and PostgreSQL', {each - 1})\n\n"
            "def test_some(record_property):\n    record_property('faults over S3 and PostgreSQL', 1)\n"
        )
    (tmp_path / "conftest.py").write_text((PROJECT / "tests/conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *processes, *more, "tests"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout
    assert re.search(rf"^{4 * each} faults over S3 and PostgreSQL: ", done.stdout, re.M), done.stdout
    assert ("are too few" in done.stdout) == bool(code)
