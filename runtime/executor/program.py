"""The program: global flags, the verb, and how a failure becomes a message and an exit status."""

from __future__ import annotations

import os

from runtime.executor import arguments
from runtime.executor.errors import ExecutorError, UsageError, describe
from runtime.executor.loading import module
from runtime.executor.log import Log
from runtime.executor.paths import default_root
from runtime.executor.version import text as version_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

VERBS = {
    "create": "create a container",
    "start": "start the process of a created container",
    "run": "create and start a container",
    "state": "print the state of a container",
    "kill": "send a signal to a container's first process",
    "delete": "delete what a container holds",
    "exec": "run another process in a container",
    "ps": "list the processes of a container",
    "pause": "stop all processes of a container",
    "resume": "let the processes of a paused container go on",
    "update": "change the limits of a container",
    "events": "print the statistics of a container",
    "features": "print what this program can do",
    "spec": "write a config.json to begin with",
    "list": "list the containers of a root",
}


class Call:
    """What every verb is given: the root of states, the log, and its own arguments."""

    def __init__(self, root: str, log: Log, given: arguments.Arguments) -> None:
        self.root = root
        self.log = log
        self.given = given


def main(words: list[str], keep: Callable[[], None] | None = None) -> NoReturn:
    """Run the command line and leave the process; nothing is printed but messages and answers.

    `keep` is called where all went well: what was loaded by then need not be looked for again.
    """
    status = _run(words)
    if keep is not None and not status:
        keep()
    os._exit(status)


def _run(words: list[str]) -> int:
    log, verb = Log("", "text"), ""
    try:
        options, verb, rest = arguments.split(words)
        log = Log(options.text("log"), options.text("log-format", "text"))
        if options.has("version"):
            return _print(version_text())
        if not verb or verb in ("help", "h") or options.has("help"):
            return _print(_help())
        if verb not in VERBS:
            raise UsageError(f"no help topic for {verb!r}; the verbs are {', '.join(VERBS)}")
        # A verb is a module, and only the one that is asked for is loaded.
        chosen = module(f"verbs.{verb}")
        given = arguments.parse(rest, chosen.FLAGS | {"help": arguments.SWITCH}, chosen.SHORT, chosen.STOP)
        if given.has("help"):
            flags = "".join(f"   --{name} ({kind})\n" for name, kind in chosen.FLAGS.items())
            return _print(f"entrepot-oci {verb} - {VERBS[verb]}\n\nflags:\n{flags}")
        root = os.path.abspath(options.text("root") or default_root())
        status: int = chosen.run(Call(root, log, given))
        return status
    except (ExecutorError, OSError) as error:
        log.error(_message(verb, error))
    except Exception as error:
        log.error(_message(verb, error))
    return 1


def _message(verb: str, error: Exception) -> str:
    """Failures of create, run and exec begin with the verb, as runc's do; the others are looked at whole."""
    text = describe(error)
    if verb in ("create", "run", "start", "exec") and not isinstance(error, UsageError):
        plain = text in ("container does not exist",)
        return text if plain else f"entrepot-oci {verb} failed: {text}"
    return text


def _print(text: str) -> int:
    os.write(1, text.encode("utf-8", "surrogateescape"))
    return 0


def _help() -> str:
    verbs = "".join(f"   {name:<10}{meaning}\n" for name, meaning in VERBS.items())
    flags = "".join(f"   --{name}\n" for name in arguments.GLOBAL)
    return f"entrepot-oci - an OCI container runtime\n\nverbs:\n{verbs}\nglobal flags:\n{flags}"
