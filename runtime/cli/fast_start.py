"""Fast start: a verb that has to begin at once is begun here, before click and all it needs is loaded.

That is so when the line is as it should be. Everything else is for the whole command line (`command`): other verbs,
help, completion, and every line that is wrong, because it says what is wrong and what would be right.
"""

from __future__ import annotations

import atexit
import os
import sys

from runtime.cli import failure
from runtime.cli.options import ONE
from runtime.cli.reading import read
from runtime.module_archive import ModuleArchive, begin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import NoReturn

    from runtime.cli.verb import Verb

ROOTS = (
    (("--root",), ONE, "DIR", "The folder of images and containers (ENTREPOT_RUNTIME_ROOT)."),
    (("--run-root",), ONE, "DIR", "The folder of their running state (ENTREPOT_RUNTIME_RUN_ROOT)."),
)
AT_ONCE = (
    *("create", "exec", "images", "kill", "logs", "pause", "ps", "restart", "rm", "rmi", "run", "start", "stop"),
    *("unpause", "wait"),
)
"""Verbs that are tables (`Verb`), in modules of their names."""
WITHOUT_RECORDS = ("exec",)
"""Those that do not load msgspec, by which containers are read as they were written down."""
STARTING = (["run"], ["start"], ["container", "run"], ["container", "start"])
"""Verbs that start a container: its monitor is begun first of all."""

_WHOLE = "runtime.cli.command"
_ROOTLESS = "runtime.cli.rootless"
_COMPLETING = "_ENTREPOT_COMPLETE"
_archive: ModuleArchive | None = None


def launched() -> NoReturn:
    """Run the command line of this process, which was started for it, and exit."""
    global _archive
    _have_streams()
    _archive = begin(f"{os.path.dirname(__file__)}/__pycache__/commands.{sys.implementation.cache_tag}")
    main()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        _have_streams()
    if arguments is None and os.geteuid() and (code := failure.status(lambda: _module(_ROOTLESS).enter(given))):
        sys.exit(code)
    if arguments is None and starts(given):
        _module("runtime.engine.prefork").begin()
    work = None if _COMPLETING in os.environ else at_once(given)
    code = _module(_WHOLE).status(given) if work is None else failure.status(work)
    if arguments is None and len(os.listdir("/proc/self/task")) == 1:
        # Python takes its time to forget what it has loaded; a process that goes need not.
        atexit._run_exitfuncs()
        if _archive is not None and not code:
            _archive.keep()
        os._exit(code)
    sys.exit(code)


def _have_streams() -> None:
    """The caller may have closed a standard stream; what is opened next must not be taken for it."""
    while (opened := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(opened, True)
    os.close(opened)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


def starts(given: Sequence[str]) -> bool:
    """Whether a line is one of a verb that starts a container."""
    before = read(given, ROOTS)
    return before is not None and any(before.rest[: len(verb)] == verb for verb in STARTING)


def at_once(given: Sequence[str]) -> Callable[[], object] | None:
    """What a line asks for, if it can be done at once."""
    before = read(given, ROOTS)
    if before is None or not before.rest or before.rest[0] not in AT_ONCE:
        return None
    name = before.rest[0]
    _module("runtime.cli.place").say(before.values["root"], before.values["run_root"])
    if name not in WITHOUT_RECORDS:
        _module("runtime.cli.light_msgspec")
    verb: Verb = _module(f"runtime.cli.{name}").command
    found = read(before.rest[1:], verb.options, spread=verb.spread)
    if found is None or not verb.takes(len(found.rest)):
        return None
    return lambda: verb.do(found.values, found.rest)


def _module(name: str) -> ModuleType:
    return __import__(name, fromlist=["_"])
