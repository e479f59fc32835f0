"""Running one more process in a container that runs."""

from __future__ import annotations

import os
import sys

from runtime.engine import lifecycle, locks, state
from runtime.engine.errors import EngineError, NoSuchContainer, WrongState
from runtime.executor import documents
from runtime.executor.errors import ExecutorError
from runtime.syscall.processes import PR_SET_CHILD_SUBREAPER, adopts_orphans, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from runtime.engine.paths import Of, Paths
    from runtime.engine.pump import Pump
    from runtime.engine.state import State

OURS = "entrepot-oci"


class Wanted:
    """What is to be run. Empty: as the container's own process."""

    def __init__(
        self,
        args: tuple[str, ...],
        tty: bool = False,
        stdin: bool = False,
        env: tuple[str, ...] = (),
        user: str = "",
        cwd: str = "",
        privileged: bool = False,
    ) -> None:
        self.args = args
        self.tty = tty
        self.stdin = stdin
        self.env = env
        self.user = user
        self.cwd = cwd
        self.privileged = privileged


class Running:
    """A process that was started: its pid, and the descriptors of its streams, -1 for none; with a terminal only the
    first two, which are the same."""

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr


def run(paths: Paths, id: str, wanted: Wanted, pump: Callable[[Running], Pump]) -> tuple[int, bool]:
    """Run it with its streams pumped; the exit code, and whether it was left running.

    Raises NoSuchContainer, WrongState, StartFailed (with docker's exit code).
    """
    before = adopts_orphans()
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # the OCI runtime ends, and its child becomes ours
    try:
        running = _started(paths, id, wanted)
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, before)  # other orphans are not for us: no process would wait for them
    pumping = pump(running)
    ended = os.pidfd_open(running.pid)
    try:
        pumping.run(ended)
        if pumping.detached and wanted.tty:
            _hold(running.stdout)
    finally:
        os.close(ended)
        for descriptor in {running.stdin, running.stdout, running.stderr}:
            _close(descriptor)
    if pumping.detached:
        return 0, True
    code = os.waitstatus_to_exitcode(os.waitpid(running.pid, 0)[1])
    return (code if code >= 0 else 128 - code), False


def _hold(terminal: int) -> None:
    """Leave a process that holds a terminal's end and reads what is written, or all that is at it would be hung up."""
    signal = _module("signal", "")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # ours may be the last process of a session that ends now
    if os.fork():
        return
    try:
        os.setsid()
        os.dup2(terminal, 3)
        for number in range(3):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        os.closerange(4, 1 << 20)
        os.set_blocking(3, True)
        while os.read(3, 65536):
            pass
    finally:
        os._exit(0)


def detached(paths: Paths, id: str, wanted: Wanted) -> None:
    """Start it, with nothing to read and nothing to write to. Raises as `run`."""
    starter, of, program, process = _prepared(paths, id, wanted, terminal=False)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        starter.start(paths, of, program, process, {0: null, 1: null, 2: null})
    finally:
        os.close(null)


def _started(paths: Paths, id: str, wanted: Wanted) -> Running:
    starter, of, program, process = _prepared(paths, id, wanted, terminal=wanted.tty)
    ours: list[int] = []
    theirs: list[int] = []
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        if wanted.tty:
            pid, master = starter.start(paths, of, program, process, {0: null, 1: null, 2: null})
            return Running(pid, master, master, -1)
        for number in range(3):
            if number or wanted.stdin:
                read, write = os.pipe2(os.O_CLOEXEC)
                ours.append(read if number else write)
                theirs.append(write if number else read)
        streams = dict(enumerate(theirs if wanted.stdin else [null, *theirs]))
        pid, _ = starter.start(paths, of, program, process, streams)
        return Running(pid, *(ours if wanted.stdin else [-1, *ours]))
    except BaseException:
        for descriptor in ours:
            _close(descriptor)
        raise
    finally:
        for descriptor in (null, *theirs):
            _close(descriptor)


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        try:
            os.close(descriptor)
        except OSError:
            return  # a pump closes what it has written to the end


def _prepared(
    paths: Paths, id: str, wanted: Wanted, *, terminal: bool
) -> tuple[ModuleType, Of, list[str], dict[str, Any]]:
    """What starts it, the container's paths, the program of the OCI runtime, and what it is told."""
    now, of = _looked_at(paths, id), paths.of(id)
    if now.status == lifecycle.PAUSED:
        raise WrongState(f"container {id[:12]} is paused, unpause the container before exec")
    if now.status != lifecycle.RUNNING:
        raise WrongState(f"container {id[:12]} is not running")
    try:
        program = [str(word) for word in documents.read(of.plan)["runtime"]]
        process = documents.read(of.spec)["process"]
    except (ExecutorError, KeyError) as error:
        raise EngineError(f"what is written down of container {id[:12]} is damaged: {error}") from None
    # Our own OCI runtime starts by loading what is loaded here; it is used without a process of its own.
    here = program == [os.path.join(os.path.dirname(sys.executable), OURS)] and len(os.listdir("/proc/self/task")) == 1
    starter = _module("exec_in_fork" if here else "exec_by_command")
    return starter, of, program, _process(process, wanted, of, terminal=terminal)


def _looked_at(paths: Paths, id: str) -> State:
    """As `looking`, which needs more than is needed when all is well."""
    try:
        now = state.read(paths.of(id).state)
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchContainer(id[:12]) from None
    except ValueError:
        raise EngineError(f"the state of container {id[:12]} is damaged, remove it with --force") from None
    if now.status in lifecycle.ALIVE and not locks.is_held(paths.of(id).monitor):
        found: State = _module("looking").looked_at(_module("machine").at(paths), id)
        return found
    return now


def _process(process: dict[str, Any], wanted: Wanted, of: Of, *, terminal: bool) -> dict[str, Any]:
    made = {**process, "args": list(wanted.args), "terminal": terminal, "cwd": wanted.cwd or process["cwd"]}
    env = list(process["env"])
    if terminal and not any(each.startswith("TERM=") for each in env):
        env.append("TERM=xterm")
    if wanted.user:
        made["user"], home = _module("exec_user").resolved(wanted.user, of)
        env = [each for each in env if not each.startswith("HOME=")] + [f"HOME={home}"]
    if wanted.env:
        env = list(_module("environment", "runtime.bundle.grammar").merge(env, wanted.env))
    made["env"] = env
    if wanted.privileged:
        can_give = _module("host", "runtime.bundle").host_capabilities()
        every = _module("capabilities", "runtime.bundle").granted((), (), True, can_give)
        made["capabilities"] = {"bounding": every, "effective": list(every), "permitted": list(every)}
    return made


def _module(name: str, package: str = "runtime.engine") -> ModuleType:
    """What most calls do not need."""
    return __import__(f"{package}.{name}" if package else name, fromlist=["_"])
