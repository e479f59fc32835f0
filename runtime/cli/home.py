"""Where the runtime keeps what it has: a root that outlives restarts of the machine, and a run root that does not."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from runtime.cli.place import ROOT_VARIABLE, RUN_VARIABLE, here, place

__all__ = ["ROOT_VARIABLE", "RUN_VARIABLE", "Home", "home", "home_from"]


class Home(NamedTuple):
    """`root` holds images, containers, volumes, networks; `run` holds locks, sockets, and what is mounted now."""

    root: Path
    run: Path


def home_from(environ: Mapping[str, str], user: int, root: str | None = None, run: str | None = None) -> Home:
    """The home of a user id, see `place`."""
    return Home(*map(Path, place(environ, user, root, run)))


def home() -> Home:
    """The home of the command that runs now."""
    return Home(*map(Path, here()))
