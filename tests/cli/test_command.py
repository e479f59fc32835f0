"""Verbs and flags are found, errors are one line with the right exit code, and no verb pays for another."""

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from registry.cli import command
from registry.cli.flags import FLAGS
from tests.cli.entrepot import COMMAND, ENVIRONMENT, refused, run


def test_version() -> None:
    assert run("version").stdout == run("--version").stdout
    assert run("version").stdout.startswith("entrepot ")


def test_help_lists_the_verbs() -> None:
    done = run("--help")
    assert done.returncode == 0
    for verb, said in command.VERBS.items():
        assert verb in done.stdout
        assert said in done.stdout


def test_without_a_verb_it_shows_help() -> None:
    done = run()
    assert done.returncode == 2
    assert "Verbs:" in done.stderr


@pytest.mark.parametrize("verb", [["serve"], ["migrate"], ["config", "show"]])
def test_each_verb_that_reads_the_configuration_has_the_flags(verb: list[str]) -> None:
    text = run(*verb, "--help").stdout
    for name in FLAGS:
        assert f"--{name.replace('_', '-')} " in text


def test_every_verb_can_be_imported() -> None:
    for verb in command.VERBS:
        assert isinstance(importlib.import_module(f"registry.cli.{verb}").command, click.Command)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serv"], "no such command 'serv'"),
        (["config", "chek"], "no such command 'chek'"),
        (["serve", "--lissten", "x"], "no such option '--lissten', did you mean '--listen'? entrepot serve --help"),
        (["serve", "--workers"], "requires an argument"),
        (["serve", "extra"], "unexpected extra argument"),
        (["config", "check"], "missing argument"),
        (["serve", "--workers", "many"], "must be a whole number from 0 to 256"),
        (["serve", "--listen", "0.0.0.0:5000"], "access.anonymous"),
        (["config", "show", "--config", "/nonexistent/file"], "no such file or directory"),
        (["config", "check", "/nonexistent/file"], "/nonexistent/file"),
    ],
)
def test_what_is_asked_in_a_wrong_way_is_one_line_and_code_2(arguments: list[str], said: str) -> None:
    assert said in refused(*arguments, code=2)


def test_light_verbs_do_not_load_the_server() -> None:
    program = (
        "import sys\nfrom registry.cli.command import main\n"
        "try:\n    main(['config', 'show'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'uvicorn', 'sqlalchemy', 'alembic', 'starlette', 'prometheus_client', 'asyncio'}\n"
        "print(sorted(heavy & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    shell = f"{' '.join(COMMAND)} config show | true"
    done = subprocess.run(["bash", "-c", shell], env=ENVIRONMENT, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_config_show_says_where_values_come_from(tmp_path: Path) -> None:
    file = tmp_path / "entrepot.toml"
    file.write_text("[limits]\nconnections = 9\n")
    environ = {"ENTREPOT_CONFIG": str(file), "ENTREPOT_SERVER_BACKLOG": "7"}
    shown = run("config", "show", "--workers", "3", environ=environ).stdout
    assert "workers = 3  # command line\n" in shown
    assert "backlog = 7  # environment ENTREPOT_SERVER_BACKLOG\n" in shown
    assert f"connections = 9  # file {file}\n" in shown
    assert "page_size = 1000  # default\n" in shown
    file.write_text(shown)
    assert run("config", "check", str(file)).stdout == f"{file} is right\n"


def test_config_check_judges_the_file_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "entrepot.toml"
    file.write_text("[server]\nlisten = '0.0.0.0:5000'\n")
    text = refused("config", "check", str(file), code=2, environ={"ENTREPOT_ACCESS_ANONYMOUS": "pull"})
    assert "access.anonymous" in text
