"""What begins without click reads a line as click does, or leaves it to click; both know one table of options."""

import subprocess
import sys
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.cli import executing
from runtime.cli.command import root
from runtime.cli.declared import declared
from runtime.cli.door import AT_ONCE, at_once
from runtime.cli.options import MANY, NUMBER, ON, ONE, SWITCH
from runtime.cli.reading import read

# All kinds of options, so that the rules are compared for other verbs too.
ROWS = (
    *executing.OPTIONS,
    (("-n", "--number", "--count"), NUMBER, "N", "A number."),
    (("--sig-proxy",), SWITCH, "", "On unless it is switched off."),
)


def by_click(words: list[str]) -> tuple[dict[str, Any], list[str]] | None:
    """What click makes of a line; None if it refuses it or shows help."""
    found: list[dict[str, Any]] = []
    command = declared("verb", "", ROWS, [click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)], found.append)
    try:
        command.main(words, standalone_mode=False)
    except click.ClickException:
        return None
    if not found:
        return None
    (values,) = found
    rest = list(values.pop("rest"))
    return values, rest


words = st.sampled_from(
    [
        *(word for row in ROWS for word in row[0]),
        *("-it", "-ite", "-eA=b", "-e=A=b", "-e=", "-n3", "-n=-3", "-i=false", "-ti=T", "--tty=maybe", "--env=", "--"),
        *("-", "", "=", "3", "-3", "x", "A=b", "--user=a:b", "--user", "--sig-proxy=false", "--sig-proxy=0", "--help"),
        *("-x", "-ix", "--unknown", "--number=+3", "--number=3.0", "--count=7", "--number=", "-d", "-dn", "--détach"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=5))
def test_a_line_is_read_as_click_reads_it(line: list[str]) -> None:
    reading = read(line, ROWS)
    if reading is not None:
        assert (reading.values, reading.rest) == by_click(line)


@pytest.mark.parametrize(
    "line",
    [
        "-it -u 1:2 box sh -c -x",
        "-e A --env=B=c -eC -e=D box true",
        "-d --privileged=true -w / -- box -x",
        "-itn 3 box",
    ],
)
def test_usual_lines_are_not_left_to_click(line: str) -> None:
    reading = read(line.split(), ROWS)
    assert reading is not None
    assert (reading.values, reading.rest) == by_click(line.split())


@pytest.mark.parametrize("verb", sorted(AT_ONCE))
def test_the_verb_has_the_options_of_the_table(verb: str) -> None:
    command = root.get_command(click.Context(root), verb)
    assert command is not None
    module = sys.modules[AT_ONCE[verb]]
    shown = [tuple(param.opts) for param in command.params if isinstance(param, click.Option)]
    assert sorted(shown) == sorted(row[0] for row in module.OPTIONS)
    assert {row[1] for row in module.OPTIONS} <= {SWITCH, MANY, ONE, NUMBER}
    assert ON.isdisjoint(row[0][-1] for row in executing.OPTIONS)


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("exec box true", True),
        ("--root /a --run-root=/b exec -it box sh", True),
        ("run --rm -ti -p 80:80 -e A image sh -c x", True),
        ("run", False),
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
        "from runtime.cli.door import at_once\n"
        f"assert at_once({line.split()!r})\n"
        f"import {', '.join(('os', *more))}\n"
        "print(*set(sys.modules) - before)"
    )
    command = [sys.executable, "-c", program]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split())


def test_what_begins_at_once_loads_nothing_slow() -> None:
    """Every start pays for each import: none of these may creep in."""
    assert {"click", "typing_extensions"} & loaded_by("run image") == set()
    loaded = loaded_by("exec box true", "runtime.engine.exec_here")
    slow = {"click", "msgspec", "json", "re", "enum", "typing", "collections", "contextlib", "socket", "signal"}
    assert (slow | {"subprocess", "pathlib", "dataclasses", "hashlib", "termios"}) & loaded == set()
    assert [name for name in loaded if name.startswith(("runtime.bundle", "runtime.network", "registry"))] == []
