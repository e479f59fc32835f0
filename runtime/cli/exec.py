"""`entrepot exec`: one more process in a container that runs, with nothing loaded that it does not need."""

from __future__ import annotations

import os

from runtime.cli.failure import Refused
from runtime.cli.options import MANY, ONE, SWITCH
from runtime.cli.place import here
from runtime.cli.verb import Verb
from runtime.engine import exec as execs
from runtime.engine import finding
from runtime.engine.exec import Wanted
from runtime.engine.paths import Paths
from runtime.engine.pump import Pump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType
    from typing import Any

    from runtime.engine.exec import Running

_OPTIONS = (
    (("-d", "--detach"), SWITCH, "", "Run in the background."),
    (("-i", "--interactive"), SWITCH, "", "Attach standard input."),
    (("-t", "--tty"), SWITCH, "", "Allocate a terminal."),
    (("-e", "--env"), MANY, "NAME[=VALUE]", "Set an environment variable."),
    (("--env-file",), MANY, "FILE", "Read environment variables from a file."),
    (("-u", "--user"), ONE, "USER[:GROUP]", "The user, by name or number."),
    (("-w", "--workdir"), ONE, "DIR", "The working directory."),
    (("--privileged",), SWITCH, "", "Give the process all capabilities."),
    (("--detach-keys",), ONE, "KEYS", "The keys that detach."),
)
_DETACH = b"\x10\x11"


def _exec(values: Mapping[str, Any], words: Sequence[str]) -> int:
    paths = Paths(*here())
    id = finding.find(paths, words[0])
    tty, stdin = bool(values["tty"]), bool(values["interactive"])
    at_terminal = tty and os.isatty(0)
    if tty and stdin and not values["detach"] and not at_terminal:
        raise Refused("the input device is not a TTY")
    wanted = Wanted(
        tuple(words[1:]),
        tty,
        stdin,
        _variables(values) if values["env"] or values["env_file"] else (),
        values["user"] or "",
        values["workdir"] or "",
        bool(values["privileged"]),
    )
    if values["detach"]:
        execs.detached(paths, id, wanted)
        return 0
    keys = _DETACH
    if values["detach_keys"]:
        keys = _module("runtime.bundle.grammar.detach_keys").read(values["detach_keys"])
    if at_terminal:
        code: int = _module("runtime.cli.at_terminal").run(paths, id, wanted, keys)
        return code
    return execs.run(paths, id, wanted, lambda running: pump(running, wanted, keys))[0]


def pump(running: Running, wanted: Wanted, keys: bytes, **woken: Any) -> Pump:  # noqa: ANN401 - see Pump
    """What carries the streams of a process that was started."""
    outputs = {running.stdout: 1} if wanted.tty else {running.stdout: 1, running.stderr: 2}
    source = 0 if wanted.stdin else -1
    return Pump(outputs, source=source, sink=running.stdin, keys=keys if wanted.tty else b"", **woken)


def _variables(values: Mapping[str, Any]) -> tuple[str, ...]:
    environment = _module("runtime.bundle.grammar.environment")
    found: list[str] = []
    for name in values["env_file"]:
        with open(name, "rb") as file:
            found += environment.read_file(file.read(environment.MAX_FILE + 1), name, os.environ)
    return (*found, *(environment.read_variable(text, os.environ) for text in values["env"]))


def _module(name: str) -> ModuleType:
    """A module that most calls do not need."""
    return __import__(name, fromlist=["_"])


command = Verb(
    "Run a command in a running container.",
    _exec,
    words=["CONTAINER", "COMMAND [ARG]..."],
    options=_OPTIONS,
    spread=False,
)
