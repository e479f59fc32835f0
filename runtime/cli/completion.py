"""What the shell offers for the names of containers, images, networks and volumes: those that are here."""

from collections.abc import Callable, Iterator
from typing import Final

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

from runtime.cli.local_images import local_images
from runtime.cli.machine import machine
from runtime.cli.place import say
from runtime.images.names import familiar, parse


def _containers() -> Iterator[str]:
    return (record.name for record, _ in machine().store.all())


def _images() -> Iterator[str]:
    images = local_images()
    return (familiar(parse(name), images.default) for image in images.all() for name in image.names)


def _networks() -> Iterator[str]:
    return (network.name for network in machine().networks.every())


def _volumes() -> Iterator[str]:
    return (volume.name for volume in machine().volumes.every())


_NAMES: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "CONTAINER": _containers,
    "IMAGE": _images,
    "NETWORK": _networks,
    "VOLUME": _volumes,
}


class _Named(StringParamType):
    """A text for which names are known."""

    def __init__(self, names: Callable[[], Iterator[str]]) -> None:
        self._names = names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, and are not on the line yet."""
        root = ctx.find_root().params
        say(root.get("root"), root.get("run_root"))
        given = ctx.params.get(str(param.name))
        taken = given if isinstance(given, tuple) else ()
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete) and name not in taken]


def complete(command: click.Command) -> None:
    """Have the arguments of a verb offer names, by what its help calls them: CONTAINER..., IMAGE."""
    for param in command.params:
        names = _NAMES.get((param.metavar or str(param.name).upper()).rstrip("."))
        if isinstance(param, click.Argument) and names is not None:
            param.type = _Named(names)
