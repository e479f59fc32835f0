"""Doing the same to every network or volume that was named: what fails is told, the rest is done all the same."""

from collections.abc import Callable, Iterable

import click

from runtime.network.errors import NetworkError
from runtime.volumes.errors import VolumeError


def each_named(names: Iterable[str], act: Callable[[str], object], *, told: bool = True) -> int:
    """Act on each name, and print it; the exit code is 1 if one failed."""
    code = 0
    for name in names:
        try:
            act(name)
        except (NetworkError, VolumeError) as error:
            click.echo(f"entrepot: {error}", err=True)
            code = 1
        else:
            if told:
                click.echo(name)
    return code
