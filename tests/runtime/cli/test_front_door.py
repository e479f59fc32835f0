"""One command for both halves: verbs are found, the server's answer for themselves, errors are a line and a code."""

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from runtime.cli.declared import declared
from runtime.cli.group import Verbs, module_of
from runtime.cli.home import Home, home_from
from runtime.cli.verbs import VERBS
from tests.cli import entrepot
from tests.cli.entrepot import ENVIRONMENT

COMMAND = (sys.executable, "-m", "runtime.cli")
HEAVY = {"uvicorn", "sqlalchemy", "alembic", "starlette", "prometheus_client", "asyncio", "urllib3"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the front door to its end."""
    return entrepot.run(*arguments, command=COMMAND)


def test_help_lists_both_halves() -> None:
    done = run("--help")
    assert done.returncode == 0
    for verb in (*VERBS, "serve", "migrate", "storage", "db", "config", "version"):
        assert f"\n  {verb} " in done.stdout
    assert run().returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [["version"], ["--version"], ["config", "show"], ["config", "chek"], ["serve", "--lissten", "x"], ["db"]],
)
def test_a_verb_of_the_server_is_the_servers(arguments: list[str]) -> None:
    through, direct = run(*arguments), entrepot.run(*arguments)
    assert (through.returncode, through.stdout, through.stderr) == (direct.returncode, direct.stdout, direct.stderr)


def every_verb(group: Verbs) -> list[click.Command]:
    """The commands of a group and of the groups in it."""
    found: list[click.Command] = []
    for name in group.verbs:
        command = declared(importlib.import_module(f"{group.package}.{module_of(name)}").command)
        found += every_verb(command) if isinstance(command, Verbs) else [command]
    return found


def test_every_verb_can_be_imported_and_says_what_it_does() -> None:
    commands = every_verb(Verbs("entrepot", "runtime.cli", VERBS, ""))
    assert [command.name for command in commands if not command.help] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["serv"], 2, "no such command 'serv', did you mean 'serve'?"),
        (["imag"], 2, "no such command 'imag', did you mean 'image'?"),
        (["image", "histroy"], 125, "no such command 'histroy', did you mean 'history'?"),
        (["--rot", "x", "image"], 2, "--root"),
        (["--root", "x", "serve"], 2, "write them behind"),
        (["images", "--no-trunk"], 125, "--no-trunc"),
        (["pull"], 1, "missing argument"),
    ],
)
def test_what_is_asked_in_a_wrong_way_is_one_line(arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("entrepot: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def program(text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program that uses the front door as a module."""
    return subprocess.run([sys.executable, "-c", text], env={**ENVIRONMENT, **environ}, capture_output=True, text=True)


def test_a_verb_of_the_runtime_loads_neither_the_server_nor_another_verb(tmp_path: Path) -> None:
    done = program(
        f"import sys\nfrom runtime.cli import main\n"
        f"try:\n    main(['--root', {str(tmp_path)!r}, 'images', '-q'])\n"
        f"except SystemExit as end:\n    print(end.code)\n"
        f"print(sorted({HEAVY!r} & sys.modules.keys()), [name for name in sys.modules if 'registry.cli' in name])\n"
    )
    assert done.stdout == "0\n[] []\n", done


def test_a_package_that_is_missing_is_told_with_what_brings_it(tmp_path: Path) -> None:
    done = program(
        f"import sys\nsys.modules['urllib3'] = None\nfrom runtime.cli import main\n"
        f"main(['--root', {str(tmp_path)!r}, 'pull', '127.0.0.1:1/a'])\n"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'entrepot: this needs urllib3, install it with: pip install "entrepot[runtime]"\n'


def test_what_nobody_expected_is_a_line_and_a_traceback_only_for_the_curious(tmp_path: Path) -> None:
    text = (
        f"import runtime.cli.images as verb\nfrom runtime.cli import main\n"
        f"verb.command.do = lambda *given: 1 / 0\nmain(['--root', {str(tmp_path)!r}, 'images'])\n"
    )
    done = program(text)
    assert done.returncode == 1
    assert done.stderr.startswith("entrepot: unexpected ZeroDivisionError: division by zero (ENTREPOT_LOG_LEVEL=debug")
    assert "Traceback" in program(text, ENTREPOT_LOG_LEVEL="debug").stderr


@pytest.mark.parametrize(("words", "found"), [("s", "serve"), ("image pu", "push"), ("pull --plat", "--platform")])
def test_a_shell_completes_both_halves(words: str, found: str) -> None:
    typed = {
        "COMP_WORDS": f"entrepot {words}",
        "COMP_CWORD": str(len(words.split())),
        "_ENTREPOT_COMPLETE": "bash_complete",
    }
    assert f"plain,{found}" in entrepot.run(command=COMMAND, environ=typed).stdout.splitlines()


def test_the_installed_command_is_the_front_door() -> None:
    done = entrepot.run("image", "--help", command=(str(Path(sys.executable).with_name("entrepot")),))
    assert done.returncode == 0
    assert "inspect" in done.stdout


def test_home() -> None:
    assert home_from({}, 0) == Home(Path("/var/lib/entrepot"), Path("/run/entrepot"))
    user = {"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/7"}
    assert home_from(user, 7) == Home(Path("/home/u/.local/share/entrepot"), Path("/run/user/7/entrepot"))
    one, other = (home_from({"ENTREPOT_RUNTIME_ROOT": root}, 0) for root in ("/one", "/other"))
    assert one.root == Path("/one")
    assert len({one.run, other.run, Path("/run/entrepot")}) == 3
    assert home_from({"ENTREPOT_RUNTIME_ROOT": "/env"}, 0, "/flag", "/runs") == Home(Path("/flag"), Path("/runs"))
