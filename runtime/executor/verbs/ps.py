"""ps: list the processes of a container, as numbers or as the host's ps shows them."""

from __future__ import annotations

import os

from runtime.executor.arguments import VALUE
from runtime.executor.documents import compact
from runtime.executor.errors import ExecutorError, UsageError
from runtime.executor.state import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.program import Call

FLAGS = {"format": VALUE}
SHORT = {"f": "format"}
STOP = 1


def run(call: Call) -> int:
    """Print them. Raise NoSuchContainer, ExecutorError."""
    words = call.given.words
    if not words:
        raise UsageError('"ps" requires a container id')
    state = load(call.root, words[0])
    group = state.cgroup()
    pids = group.pids() if group is not None else [state.pid]
    form = call.given.text("format", "table")
    if form == "json":
        os.write(1, (compact(pids) + "\n").encode())
    elif form == "table":
        os.write(1, _table(pids, words[1:] or ["-ef"]))
    else:
        raise UsageError(f"invalid format option {form!r}, use table or json")
    return 0


def _table(pids: list[int], options: list[str]) -> bytes:
    """The lines of the host's ps that are about these processes, with its heading."""
    read, write = os.pipe()
    try:
        child = os.posix_spawnp("ps", ["ps", *options], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    except FileNotFoundError:
        raise ExecutorError("ps is not installed on this host; use --format json") from None
    os.close(write)
    with os.fdopen(read, "rb") as output:
        heading, *lines = output.read().splitlines(keepends=True) or [b""]
    os.waitpid(child, 0)
    columns = heading.split()
    if b"PID" not in columns:
        raise ExecutorError("couldn't find PID field in ps output")
    place = columns.index(b"PID")
    wanted = {str(pid).encode() for pid in pids}
    return heading + b"".join(
        line for line in lines if line.split()[place : place + 1] and line.split()[place] in wanted
    )
