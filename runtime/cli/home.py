"""Where the runtime keeps what it has: a root that outlives restarts of the machine, and a run root that does not."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click

ROOT_VARIABLE: Final = "ENTREPOT_RUNTIME_ROOT"
RUN_VARIABLE: Final = "ENTREPOT_RUNTIME_RUN_ROOT"


class Home(NamedTuple):
    """`root` holds images, containers, volumes, networks; `run` holds locks, sockets, and what is mounted now."""

    root: Path
    run: Path


def home_from(environ: Mapping[str, str], user: int, root: str | None = None, run: str | None = None) -> Home:
    """The home of a user id: as said, else as the environment has it, else the place of root's or of a user's data.

    Another root than the usual one has a run root of its own, so that two of them never share a lock or a socket.
    """
    usual = Path("/var/lib/entrepot") if user == 0 else _data(environ) / "entrepot"
    chosen = Path(root or environ.get(ROOT_VARIABLE) or usual).absolute()
    said = run or environ.get(RUN_VARIABLE)
    if said:
        return Home(chosen, Path(said).absolute())
    base = _run(environ, user, chosen)
    if chosen == usual:
        return Home(chosen, base)
    mark = hashlib.blake2b(os.fsencode(chosen), digest_size=6).hexdigest()
    return Home(chosen, base / "roots" / mark)


def _data(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_DATA_HOME") or Path(environ.get("HOME") or "/").joinpath(".local", "share"))


def _run(environ: Mapping[str, str], user: int, root: Path) -> Path:
    if user == 0:
        return Path("/run/entrepot")
    folder = environ.get("XDG_RUNTIME_DIR")
    return Path(folder, "entrepot") if folder else root / "run"


def home() -> Home:
    """The home of the command that runs now."""
    given = click.get_current_context().find_root().params
    return home_from(os.environ, os.geteuid(), given.get("root"), given.get("run_root"))
