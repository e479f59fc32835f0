"""Where the runtime keeps what it has: a root that outlives restarts of the machine, and a run root that does not."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from runtime.cli.place import ROOT_VARIABLE, RUN_VARIABLE, place

__all__ = ["ROOT_VARIABLE", "RUN_VARIABLE", "Home", "home", "home_from", "say"]

_said: tuple[str | None, str | None] = (None, None)


class Home(NamedTuple):
    """`root` holds images, containers, volumes, networks; `run` holds locks, sockets, and what is mounted now."""

    root: Path
    run: Path


def home_from(environ: Mapping[str, str], user: int, root: str | None = None, run: str | None = None) -> Home:
    """The home of a user id, see `place`."""
    return Home(*map(Path, place(environ, user, root, run)))


def say(root: str | None, run_root: str | None) -> None:
    """What the command line says of the folders, for the command that runs now."""
    global _said
    _said = root, run_root


def home() -> Home:
    """The home of the command that runs now."""
    return home_from(os.environ, os.geteuid(), *_said)
