"""The wheel holds everything: built, installed into an environment with nothing else, it migrates and serves."""

import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.entrepot import get, run, serving
from tests.project.source import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def entrepot(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command of a clean environment with the wheel and what it depends on, at the locked versions."""
    folder = tmp_path_factory.mktemp("environment")
    pins = folder / "pins"
    pins.write_text(
        "\n".join(re.findall(r"^[\w.-]+==[\w.+!-]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    )
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    options = ["--quiet", "--disable-pip-version-check", "--constraint", str(pins)]
    done = subprocess.run([python, "-m", "pip", "install", *options, wheel], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(folder / "venv" / "bin" / "entrepot")


def test_it_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    rooms = {name.partition("/")[0] for name in names if ".data/" not in name}
    assert {room for room in rooms if not room.endswith(".dist-info")} == {
        "registry",
        "storage",
        "runtime",
        "migrations",
    }
    scripts = [name.partition(".data/")[2] for name in names if ".data/" in name]
    assert sorted(scripts) == ["scripts/entrepot", "scripts/entrepot-oci"]
    assert any(name.startswith("migrations/versions/0001") for name in names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_its_launcher_finds_the_runtime(entrepot: str) -> None:
    done = run("--version", command=(f"{entrepot}-oci",))
    assert done.stdout.startswith("entrepot-oci version")


def test_it_migrates(entrepot: str, tmp_path: Path) -> None:
    done = run("migrate", "--root", str(tmp_path / "data"), command=(entrepot,))
    assert done.returncode == 0, done
    assert "is at revision" in done.stdout


def test_it_serves(entrepot: str, tmp_path: Path) -> None:
    version = run("--version", command=(entrepot,)).stdout
    assert re.fullmatch(r"entrepot \d+\.\d+\.\d+\n", version)
    with serving("--root", str(tmp_path / "data"), command=(entrepot,), cwd=str(tmp_path)) as (server, port, first):
        assert first[0].startswith(version.strip())
        assert get(port, "/v2/")[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0
