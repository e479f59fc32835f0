"""The unit is one that systemd takes, and holds the service as tightly as it is meant to."""

import re
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import run
from tests.e2e.tools import system_tool
from tests.project.source import ROOT

UNIT = ROOT / "deploy" / "entrepot.service"
MOST_EXPOSED = 1.5


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that this machine has in the place of the installed one."""
    text = UNIT.read_text()
    assert "ExecStart=/opt/entrepot/bin/entrepot serve --config %d/entrepot.toml" in text
    path = tmp_path / UNIT.name
    path.write_text(text.replace("/opt/entrepot/bin/entrepot", str(Path(sys.executable).with_name("entrepot"))))
    return path


def test_systemd_has_nothing_to_say_about_it(unit: Path) -> None:
    assert run([system_tool("systemd-analyze"), "verify", "--man=no", unit]).text == ""


def test_systemd_would_say_so(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=somewhat"))
    assert "somewhat" in run([system_tool("systemd-analyze"), "verify", "--man=no", unit], check=False).text


def test_little_is_exposed(unit: Path) -> None:
    said = run([system_tool("systemd-analyze"), "security", "--offline=true", "--no-pager", unit]).text
    [level] = re.findall(r"Overall exposure level for entrepot.service: ([0-9.]+)", said)
    assert float(level) <= MOST_EXPOSED, said


def test_it_waits_longer_than_the_server_drains() -> None:
    [stop] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert int(stop) >= 30 + 10
