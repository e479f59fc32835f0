"""A command line read as docker's is: by the rules of Go's pflag, which differ from click's in what a flag may have.

A flag that is on or off takes a value behind '=' (`--rm=false`, `-it=true`), the last one counts; a short option may
have '=' before its value (`-p=80:80`). Options end at the first word that is none. Everything else is click's.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeGuard

import click

from runtime.bundle.errors import ValueInvalid
from runtime.bundle.grammar import boolean


class PflagCommand(click.Command):
    """A command whose options end at its first argument and are spelled as docker's."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **named)
        self.allow_interspersed_args = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the flags that are on or off out of the line, let click read the rest, and set them."""
        flags: dict[str, bool] = {}
        try:
            rest = list(self._rest(ctx, args, flags))
        except ValueInvalid as error:
            raise click.UsageError(str(error), ctx) from None
        left = super().parse_args(ctx, rest)
        ctx.params.update(flags)
        return left

    def _rest(self, ctx: click.Context, args: list[str], flags: dict[str, bool]) -> Iterator[str]:
        options = {word: param for param in self.get_params(ctx) for word in (*param.opts, *param.secondary_opts)}
        left = iter(args)
        for word in left:
            if word == "--" or not word.startswith("-") or word == "-":
                yield word
                yield from left
            elif word.startswith("--"):
                yield from _long(word, options, flags, left)
            else:
                yield from _short(word, options, flags, left)


def spelled(command: click.Command, words: Sequence[str]) -> Iterator[str]:
    """A line in click's own spelling, for a command whose options may stand anywhere: `--sig-proxy=false`, `-n=3`."""
    options = {word: param for param in command.params for word in (*param.opts, *param.secondary_opts)}
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        option = options.get(name)
        if word == "--":
            yield word
            yield from left
        elif not equals or option is None:
            yield word
        elif is_switch(option):
            meant = option.opts if boolean.read(value, name) == (name in option.opts) else option.secondary_opts
            yield from meant[:1]
        else:
            yield from [word] if name.startswith("--") else [name, value]


Options = dict[str, click.Parameter]


def _long(word: str, options: Options, flags: dict[str, bool], left: Iterator[str]) -> Iterator[str]:
    name, equals, value = word.partition("=")
    option = options.get(name)
    if is_switch(option):
        flags[str(option.name)] = boolean.read(value, name) if equals else True
        return
    yield word
    if option is not None and not equals and not _is_alone(option):
        yield from islice(left, 1)


def _short(word: str, options: Options, flags: dict[str, bool], left: Iterator[str]) -> Iterator[str]:
    for at in range(1, len(word)):
        name, value = f"-{word[at]}", word[at + 1 :]
        option = options.get(name)
        if not is_switch(option):
            yield name if option is not None else f"-{word[at:]}"
            if option is not None:
                yield from [value.removeprefix("=")] if value else islice(left, 1)
            return
        flags[str(option.name)] = boolean.read(value[1:], name) if value.startswith("=") else True
        if value.startswith("="):
            return


def is_switch(option: click.Parameter | None) -> TypeGuard[click.Option]:
    """Whether an option is on or off; --help, which acts at once, is left to click."""
    return isinstance(option, click.Option) and bool(option.is_flag) and not option.is_eager


def _is_alone(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and bool(option.is_flag)
