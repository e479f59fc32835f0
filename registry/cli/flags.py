"""The flags that choose the configuration, the same for every verb that reads it."""

import os
from collections.abc import Callable
from typing import Any

import click

from registry.config import SETTINGS, Loaded, file_from, load

# The settings with a flag of their own, and what its value is called; the file and the environment have all of them.
FLAGS = {
    "listen": ("server.listen", "HOST:PORT", "The address to listen on."),
    "root": ("server.root", "DIR", "The folder of all data."),
    "workers": ("server.workers", "N", "The number of worker processes."),
    "anonymous": ("access.anonymous", "pull|push|full", "What clients may do; full is pull, push and delete."),
    "log_level": ("log.level", "LEVEL", "The least level that is logged: debug, info, warning or error."),
    "log_format": ("log.format", "FORMAT", "The form of the log: text or json."),
}


def configured(verb: Callable[..., object]) -> Callable[..., object]:
    """Give `verb` the option --config and the flags; it gets them as `given`, for `configuration`."""

    def call(config: str | None, **options: Any) -> object:  # noqa: ANN401 - a verb's own options are its own
        flags = {name: options.pop(name) for name in FLAGS}
        given = {FLAGS[name][0]: value for name, value in flags.items() if value is not None}
        return verb((config, given), **options)

    call.__doc__ = verb.__doc__
    wrapped: Callable[..., object] = call
    for name, (key, metavar, help) in reversed(FLAGS.items()):
        assert key in SETTINGS
        wrapped = click.option(f"--{name.replace('_', '-')}", name, metavar=metavar, help=help)(wrapped)
    return click.option("--config", metavar="FILE", help="The TOML file to read (or ENTREPOT_CONFIG).")(wrapped)


def configuration(given: tuple[str | None, dict[str, str]]) -> Loaded:
    """Return the configuration the flags, the environment and the file make together."""
    path, flags = given
    return load(path or file_from(os.environ), os.environ, flags)
