"""create: make a container and leave it before its program, for `start` to let it go."""

from __future__ import annotations

import os

from runtime.executor.arguments import SWITCH, VALUE
from runtime.executor.creation import Creation
from runtime.executor.errors import ExecutorError
from runtime.executor.loading import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS = {
    "bundle": VALUE,
    "console-socket": VALUE,
    "pid-file": VALUE,
    "no-pivot": SWITCH,
    "no-new-keyring": SWITCH,
    "preserve-fds": VALUE,
}
SHORT = {"b": "bundle"}
STOP = None


def run(call: Call) -> int:
    """Create the container. Raise ExecutorError."""
    creation = asked(call, "create")
    terminal = bool((creation.config.get("process") or {}).get("terminal"))
    socket = call.given.text("console-socket")
    if terminal and not socket:
        raise ExecutorError("cannot allocate tty if runc will detach without setting console socket")
    if socket and not terminal:
        raise ExecutorError("cannot use console socket if runc will not detach or allocate tty")
    if socket:
        creation.console = module("sockets").connect(socket)
    creation.make()
    return 0


def asked(call: Call, verb: str) -> Creation:
    """The container that the flags of `create` and `run` ask for."""
    given = call.given
    creation = Creation(call.root, given.only_id(verb), given.text("bundle") or os.getcwd())
    creation.pid_file = given.text("pid-file")
    creation.pivot = not given.has("no-pivot")
    creation.new_keyring = not given.has("no-new-keyring")
    creation.preserved = given.number("preserve-fds")
    passed = os.environ.get("LISTEN_FDS", "")
    if passed.isdigit() and os.environ.get("LISTEN_PID") == str(os.getpid()):
        creation.preserved += int(passed)
        process = creation.config.get("process") or {}
        process["env"] = [*(process.get("env") or []), f"LISTEN_FDS={passed}", "LISTEN_PID=1"]
    return creation
