"""The launcher: it finds the package beside its Python, installed or editable, through a link, and starts it lean."""

import subprocess
import sys
from pathlib import Path

from tests.runtime.executor.bundles import MAIN

LAUNCHER = MAIN.parent / "entrepot-oci"


def launcher(environment: Path, *, editable: bool = True) -> Path:
    """Lay out an environment as an installer does, and return the command in it."""
    library = environment / "lib/python3.99/site-packages"
    library.mkdir(parents=True)
    (environment / "bin").mkdir()
    (environment / "bin/python3").symlink_to(sys.executable)
    command = environment / "bin/entrepot-oci"
    command.write_bytes(LAUNCHER.read_bytes())
    command.chmod(0o755)
    if editable:
        (library / "_entrepot.pth").write_text(str(MAIN.parents[2]))  # no newline at its end, as installers do
    else:
        (library / "runtime").symlink_to(MAIN.parents[1])
    return command


def version(command: Path) -> str:
    return subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout


def test_it_finds_the_package_wherever_it_is(tmp_path: Path) -> None:
    installed, editable = launcher(tmp_path / "installed", editable=False), launcher(tmp_path / "editable")
    link = tmp_path / "link"
    link.symlink_to(editable)
    assert version(installed) == version(editable) == version(link)
    assert version(link).startswith("entrepot-oci version")


def test_without_the_package_it_says_so(tmp_path: Path) -> None:
    command = launcher(tmp_path, editable=False)
    (tmp_path / "lib/python3.99/site-packages/runtime").unlink()
    failed = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=20)
    assert (failed.returncode, "not installed" in failed.stderr) == (1, True)


def test_what_is_slow_to_load_is_not_loaded() -> None:
    """A start pays for each import: none of these may creep in."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import runtime.executor.program, runtime.executor.verbs.run, runtime.executor.verbs.exec, runtime.cgroups.v1;"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(MAIN.parents[2])]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split()
    slow = {"site", "json", "re", "enum", "typing", "collections", "socket", "subprocess", "signal", "dataclasses"}
    assert slow & set(loaded) == set()
    assert "runtime.cgroups.v2" not in loaded
