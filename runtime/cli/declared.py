"""Click's command of a verb that is a table."""

from functools import cache
from typing import Any

import click

from runtime.cli.options import MANY, NUMBER, ON, SWITCH, Row
from runtime.cli.pflag import PflagCommand
from runtime.cli.verb import Verb, several


@cache
def declared(found: click.Command | Verb) -> click.Command:
    """The command of a verb; what is one already stays as it is."""
    if not isinstance(found, Verb):
        return found
    verb = found
    names = [f"argument{place}" for place in range(len(verb.words))]

    def call(**values: Any) -> object:  # noqa: ANN401 - as the table has them
        given = [values.pop(name) for name in names]
        words = [word for each in given for word in ([each] if isinstance(each, str) else each or ())]
        return verb.do(values, words)

    arguments = [_argument(name, word) for name, word in zip(names, verb.words, strict=True)]
    kind = click.Command if verb.spread else PflagCommand
    return kind("command", callback=call, params=[*map(option, verb.options), *arguments], help=verb.help)


def _argument(name: str, word: str) -> click.Argument:
    required = not word.startswith("[")
    if several(word):
        return click.Argument([name], metavar=word, nargs=-1, required=required, type=click.UNPROCESSED)
    return click.Argument([name], metavar=word, required=required)


def option(row: Row) -> click.Option:
    """The option of a row."""
    names, kind, metavar, help = row
    if kind == SWITCH:
        return click.Option(names, is_flag=True, default=names[-1] in ON, help=help)
    if kind == MANY:
        return click.Option(names, multiple=True, metavar=metavar, help=help)
    return click.Option(names, metavar=metavar, help=help, type=click.INT if kind == NUMBER else click.STRING)
