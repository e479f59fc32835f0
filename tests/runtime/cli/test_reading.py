"""What begins without click reads a line as click does, or leaves it to click; both know one table of options."""

import subprocess
import sys
from importlib import import_module
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.bundle.errors import ValueInvalid
from runtime.cli.command import root
from runtime.cli.declared import declared
from runtime.cli.fast_start import AT_ONCE, at_once
from runtime.cli.options import MANY, NUMBER, ON, ONE, SWITCH
from runtime.cli.pflag import spelled
from runtime.cli.reading import read
from runtime.cli.verb import Verb

# All kinds of options, so that the rules are compared for other verbs too.
ROWS = (
    *import_module("runtime.cli.exec").command.options,
    (("-n", "--number", "--count"), NUMBER, "N", "A number."),
    (("--sig-proxy",), SWITCH, "", "On unless it is switched off."),
)
Read = tuple[dict[str, Any], list[str]]


def by_click(line: list[str], *, spread: bool) -> Read | None:
    """What click makes of a line; None if it refuses it or shows help."""
    found: list[Read] = []
    verb = Verb("", lambda *read: found.append(read), words=["[WORD]..."], options=ROWS, spread=spread)
    command = declared(verb)
    try:
        command.main(list(spelled(command, line)) if spread else line, standalone_mode=False)
    except (click.ClickException, ValueInvalid):
        return None
    return found[0] if found else None


def at_first(line: list[str], *, spread: bool) -> Read | None:
    """What is made of it without click."""
    reading = read(line, ROWS, spread=spread)
    return None if reading is None else (reading.values, reading.rest)


words = st.sampled_from(
    [
        *(word for row in ROWS for word in row[0]),
        *("-it", "-ite", "-eA=b", "-e=A=b", "-e=", "-n3", "-n=-3", "-i=false", "-ti=T", "--tty=maybe", "--env=", "--"),
        *("-", "", "=", "3", "-3", "x", "A=b", "--user=a:b", "--user", "--sig-proxy=false", "--sig-proxy=0", "--help"),
        *("-x", "-ix", "--unknown", "--number=+3", "--number=3.0", "--count=7", "--number=", "-d", "-dn", "--détach"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(words, max_size=5), st.booleans())
def test_a_line_is_read_as_click_reads_it(line: list[str], spread: bool) -> None:
    reading = at_first(line, spread=spread)
    assert reading is None or reading == by_click(line, spread=spread)


@pytest.mark.parametrize(
    ("line", "spread"),
    [
        ("-it -u 1:2 box sh -c -x", False),
        ("-e A --env=B=c -eC -e=D box true", False),
        ("-d --privileged=true -w / -- box -x", False),
        ("-itn 3 box", False),
        ("box -t -n 3 other --user=a -- -x", True),
        ("-n -1 box", True),
    ],
)
def test_usual_lines_are_not_left_to_click(line: str, spread: bool) -> None:
    reading = at_first(line.split(), spread=spread)
    assert reading is not None
    assert reading == by_click(line.split(), spread=spread)


@pytest.mark.parametrize("verb", AT_ONCE)
def test_the_verb_has_the_options_of_the_table(verb: str) -> None:
    command = root.get_command(click.Context(root), verb)
    assert command is not None
    table = import_module(f"runtime.cli.{verb}").command
    shown = [tuple(param.opts) for param in command.params if isinstance(param, click.Option)]
    assert shown == [row[0] for row in table.options]
    assert {row[1] for row in table.options} <= {SWITCH, MANY, ONE, NUMBER}
    assert command.help == table.help


def test_switches_that_are_on_belong_to_run_alone() -> None:
    tables = [import_module(f"runtime.cli.{verb}").command for verb in AT_ONCE]
    assert {word for table in tables for row in table.options for word in row[0] if word in ON} == set(ON)


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("exec box true", True),
        ("--root /a --run-root=/b exec -it box sh", True),
        ("run --rm -ti -p 80:80 -e A image sh -c x", True),
        ("run", False),
        ("stop -t 3 one two", True),
        ("rm one -fv two", True),
        ("rm -f", False),
        ("kill one --sig X", False),
        ("images -q a:1 --no-trunc", True),
        ("images a b", False),
        ("ps a", False),
        ("exec box", False),
        ("exec --help", False),
        ("exec --usr x box true", False),
        ("--rot /a exec box true", False),
        ("exce box true", False),
        ("", False),
    ],
)
def test_what_is_wrong_or_unknown_is_for_click(line: str, begins: bool) -> None:
    assert (at_once(line.split()) is not None) == begins


def loaded_by(line: str, *more: str) -> set[str]:
    """What a verb loads before it begins, in a Python with its library and what is installed."""
    program = (
        "import sys; before = set(sys.modules)\n"
        "from runtime.cli.fast_start import at_once\n"
        f"assert at_once({line.split()!r})\n"
        f"import {', '.join(('os', *more))}\n"
        "print(*set(sys.modules) - before)"
    )
    command = [sys.executable, "-c", program]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split())


def test_what_begins_at_once_loads_nothing_slow() -> None:
    """Every start pays for each import: none of these may creep in."""
    for line in ("run image", "rm box", "stop box"):
        assert {"click", "typing_extensions"} & loaded_by(line) == set()
    loaded = loaded_by("exec box true", "runtime.engine.exec_in_fork")
    slow = {"click", "msgspec", "json", "re", "enum", "typing", "collections", "contextlib", "socket", "signal"}
    assert (slow | {"subprocess", "pathlib", "dataclasses", "hashlib", "termios"}) & loaded == set()
    assert [name for name in loaded if name.startswith(("runtime.bundle", "runtime.network", "registry"))] == []
