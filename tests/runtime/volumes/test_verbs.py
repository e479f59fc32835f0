"""`entrepot volume`: what its verbs print."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundle.mount_point import MountPoint
from runtime.cli.command import main
from runtime.engine.machine import Machine
from tests.runtime.network.test_verbs import container

Entrepot = Callable[..., tuple[int, str, str]]


@pytest.fixture
def entrepot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Entrepot:
    """The command: its exit code, and what it prints."""
    monkeypatch.setenv("ENTREPOT_RUNTIME_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("ENTREPOT_RUNTIME_RUN_ROOT", str(tmp_path / "run"))

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_create_list_inspect_remove(entrepot: Entrepot, tmp_path: Path) -> None:
    assert entrepot("volume", "create", "--label", "a=b", "data") == (0, "data\n", "")
    anonymous = entrepot("volume", "create")[1].strip()
    assert len(anonymous) == 64
    rows = sorted([["local", "data"], ["local", anonymous]])
    lines = [line.split() for line in entrepot("volume", "ls")[1].splitlines()]
    assert (lines[0], sorted(lines[1:])) == (["DRIVER", "VOLUME", "NAME"], rows)
    assert entrepot("volume", "ls", "-q", "-f", "label=a=b") == (0, "data\n", "")
    code, out, err = entrepot("volume", "inspect", "data", "nothing")
    assert (code, err) == (1, "entrepot: get nothing: no such volume\n")
    assert json.loads(out)[0]["Mountpoint"] == f"{tmp_path}/root/volumes/data/_data"
    assert entrepot("volume", "rm", "nothing", "data")[:2] == (1, "data\n")
    assert entrepot("volume", "rm", "-f", "nothing") == (0, "nothing\n", "")
    assert entrepot("volume", "create", "../x")[0] == 1


def test_what_containers_have_stays(entrepot: Entrepot, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "root", tmp_path / "run")
    entrepot("volume", "create", "used")
    entrepot("volume", "create", "named")
    anonymous = entrepot("volume", "create")[1].strip()
    id_ = container(machine, "web", (MountPoint(type="volume", name="used", destination="/data"),))
    assert entrepot("volume", "rm", "used")[2] == f"entrepot: remove used: volume is in use - [{id_}]\n"
    assert entrepot("volume", "ls", "-q", "-f", "dangling=false")[1] == "used\n"
    pruned = entrepot("volume", "prune", "-f")
    assert pruned == (0, f"Deleted Volumes:\n{anonymous}\n\nTotal reclaimed space: 0B\n", "")
    assert entrepot("volume", "prune", "-f", "-a")[1].startswith("Deleted Volumes:\nnamed\n")
    assert entrepot("volume", "ls", "-q")[1] == "used\n"
