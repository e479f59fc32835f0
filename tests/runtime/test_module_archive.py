"""Modules kept in one file: taken from it while they are as they were, and left to Python in every other case."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = f"""
import json, sys
sys.path.append({str(ROOT)!r})
from runtime import module_archive
sys.path.insert(0, sys.argv[1])
finder = module_archive.begin(sys.argv[2])
exec(sys.argv[3])
import made, made.inner, plain
loaded = [made, made.inner, plain]
served = [type(each.__spec__.loader).__name__ == "_Loader" for each in loaded]
places = [[each.__file__, each.__cached__, list(getattr(each, "__path__", []))] for each in loaded]
print(json.dumps([served, [each.VALUE for each in loaded], places]))
finder.keep()
"""


class Library:
    """Three modules, and the file they are kept in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "library"
        self.kept = folder / "kept"
        (self.folder / "made").mkdir(parents=True)
        for name in ("made/__init__", "made/inner", "plain"):
            self.write(name, 1)

    def write(self, name: str, value: int) -> None:
        (self.folder / f"{name}.py").write_text(f"VALUE = {value}\n")

    def __call__(self, before: str = "") -> tuple[list[bool], list[int], list[object]]:
        """Load them in a new process: which came from the file, their values, and where they say they are."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-c", PROGRAM, str(self.folder), str(self.kept), before]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        served, values, places = json.loads(done.stdout)
        return served, values, places


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Modules that nobody has loaded yet."""
    return Library(tmp_path)


def test_the_second_one_takes_them_from_the_file(library: Library) -> None:
    first, second = library(), library()
    assert first[0] == [False] * 3
    assert second == ([True] * 3, [1, 1, 1], first[2])
    assert library.kept.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in library.kept.parent.iterdir() if each.name.startswith("kept")] == ["kept"]


def test_a_source_that_has_changed_is_read_and_kept(library: Library) -> None:
    library()
    library.write("plain", 22)
    assert library()[:2] == ([True, True, False], [1, 1, 22])
    assert library()[:2] == ([True] * 3, [1, 1, 22])
    assert library.kept.read_bytes().count(b"plain\0") == 1


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-1], lambda text: b"x" + text, lambda text: b"", lambda text: text + b"\0"]
)
def test_a_file_that_is_damaged_is_made_anew(library: Library, damage: Callable[[bytes], bytes]) -> None:
    library()
    library.kept.write_bytes(damage(library.kept.read_bytes()))
    assert library()[:2] == ([False] * 3, [1, 1, 1])
    assert library()[0] == [True] * 3


@pytest.mark.parametrize(
    "before",
    [
        "module_archive.forget()",
        "import os; os.close(finder._descriptor)",
        "import os; os.dup2(os.open('/proc/self/exe', os.O_RDONLY), finder._descriptor)",
    ],
)
def test_without_the_file_they_are_loaded_as_ever(library: Library, before: str) -> None:
    library()
    assert library(before)[:2] == ([False] * 3, [1, 1, 1])


def test_where_modules_are_looked_for_elsewhere_it_does_not_count(library: Library) -> None:
    library()
    other = library.folder.parent / "other"
    library.folder.rename(other)
    library.folder = other
    assert library()[:2] == ([False] * 3, [1, 1, 1])
    assert library()[0] == [True] * 3


def test_one_that_may_not_be_written_is_not(library: Library) -> None:
    library("sys.dont_write_bytecode = True")
    assert not library.kept.exists()
    library("module_archive.os.geteuid = lambda: 1234567")
    assert not library.kept.exists()


def test_a_whole_one_leaves_no_descriptor(library: Library) -> None:
    """What runs next to a container must not be found with the file open."""
    library()
    taken = (
        "import os; held = set(os.listdir('/proc/self/fd')); finder = module_archive.begin(sys.argv[2], whole=True); "
        + ("assert set(os.listdir('/proc/self/fd')) == held")
    )
    assert library(f"sys.meta_path.remove(finder); {taken}")[0] == [True] * 3
