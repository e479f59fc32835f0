"""Running one more process in a container that runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from runtime.bundle import capabilities, user
from runtime.bundle.grammar import environment
from runtime.engine import lifecycle, looking, rootfs, state
from runtime.engine.errors import EngineError, StartFailed, WrongState
from runtime.engine.listening import listening
from runtime.engine.machine import Machine
from runtime.engine.monitor.oci import Oci, RuntimeFailed
from runtime.engine.paths import Of
from runtime.engine.pump import Pump
from runtime.syscall import processes

PATIENCE = 10.0
"""Seconds within which the OCI runtime hands over a terminal."""


class Wanted(NamedTuple):
    """What is to be run. Empty: as the container's own process."""

    args: tuple[str, ...]
    tty: bool = False
    stdin: bool = False
    env: tuple[str, ...] = ()
    user: str = ""
    cwd: str = ""
    privileged: bool = False
    size: tuple[int, int] | None = None


class Running(NamedTuple):
    """A process that was started: its pid, and the descriptors of its streams; with a terminal only the first two,
    which are the same."""

    pid: int
    stdin: int
    stdout: int
    stderr: int


def run(machine: Machine, id: str, wanted: Wanted, pump: Callable[[Running], Pump]) -> tuple[int, bool]:
    """Run it with its streams pumped; the exit code, and whether it was left running. Raises as `started`."""
    processes.prctl(processes.PR_SET_CHILD_SUBREAPER, 1)  # the OCI runtime ends, and its child becomes ours
    with started(machine, id, wanted) as running:
        pumping = pump(running)
        ended = os.pidfd_open(running.pid)
        try:
            pumping.run(ended)
        finally:
            os.close(ended)
        if pumping.detached:
            return 0, True
        _, status = os.waitpid(running.pid, 0)
    code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return code, False


def detached(machine: Machine, id: str, wanted: Wanted) -> None:
    """Start it, with nothing to read and nobody to write to. Raises as `started`."""
    oci, of, words = _prepared(machine, id, wanted._replace(tty=False))
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        _exec(oci, of, words, {0: null, 1: null, 2: null})
    finally:
        os.close(null)
        _clean(words)


@contextlib.contextmanager
def started(machine: Machine, id: str, wanted: Wanted) -> Iterator[Running]:
    """The process, with pipes or a terminal. Raises WrongState, StartFailed (with docker's exit code)."""
    oci, of, words = _prepared(machine, id, wanted)
    try:
        running = _with_terminal(oci, of, words) if wanted.tty else _with_pipes(oci, of, words, wanted.stdin)
    finally:
        _clean(words)
    try:
        yield running
    finally:
        for fd in {running.stdin, running.stdout, running.stderr} - {-1}:
            with contextlib.suppress(OSError):
                os.close(fd)


def _prepared(machine: Machine, id: str, wanted: Wanted) -> tuple[Oci, Of, list[str]]:
    now, of = looking.looked_at(machine, id), machine.paths.of(id)
    if now.status == lifecycle.PAUSED:
        raise WrongState(f"container {id[:12]} is paused, unpause the container before exec")
    if now.status != lifecycle.RUNNING:
        raise WrongState(f"container {id[:12]} is not running")
    with open(of.plan, encoding="utf-8") as file:
        program = json.load(file)["runtime"]
    with open(of.spec, "rb") as file:
        process = json.load(file)["process"]
    name = f"{of.run}/exec-{os.urandom(8).hex()}"
    with open(f"{name}.json", "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(_process(process, wanted, of), file, ensure_ascii=False)
    oci = Oci(program, machine.paths.oci, id, f"{name}.log")
    return oci, of, ["exec", "--process", f"{name}.json", "--pid-file", f"{name}.pid", "--detach"]


def _process(process: dict[str, Any], wanted: Wanted, of: Of) -> dict[str, Any]:
    made = {**process, "args": list(wanted.args), "terminal": wanted.tty}
    env = list(process["env"])
    if wanted.tty and not any(each.startswith("TERM=") for each in env):
        env.append("TERM=xterm")
    if wanted.user:
        found = user.resolve(wanted.user, rootfs.read(of, "/etc/passwd"), rootfs.read(of, "/etc/group"))
        made["user"] = {"uid": found.uid, "gid": found.gid, "additionalGids": list(found.groups or (found.gid,))}
        env = [each for each in env if not each.startswith("HOME=")] + [f"HOME={found.home}"]
    made["env"] = list(environment.merge(env, wanted.env))
    made["cwd"] = wanted.cwd or process["cwd"]
    if wanted.privileged:
        every = capabilities.granted((), (), True, _last_capability())
        made["capabilities"] = {"bounding": every, "effective": list(every), "permitted": list(every)}
    return made


def _last_capability() -> int:
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        return int(file.read())


def _exec(oci: Oci, of: Of, words: list[str], stdio: dict[int, int]) -> int:
    before = _children()
    try:
        oci.run(*words, of.id, stdio=stdio)
    except RuntimeFailed as error:
        _reap(state.read(of.state).pid, _children() - before)
        raise StartFailed(f"OCI runtime exec failed: {error}", error.code) from None
    with open(words[words.index("--pid-file") + 1], encoding="ascii") as file:
        return int(file.read())


def _reap(container: int, children: set[int]) -> None:
    """End and take those of a container that became ours: its first process cannot end while one of them waits.

    A zombie has no cgroup to be known by, but still its PID namespace.
    """
    with contextlib.suppress(OSError):
        namespace = os.readlink(f"/proc/{container}/ns/pid")
        for child in children:
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{child}/ns/pid") == namespace:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)


def _children() -> set[int]:
    """Children of every thread of this process: an orphan comes to whichever the kernel takes."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
            found.update(map(int, file.read().split()))
    return found


def _with_pipes(oci: Oci, of: Of, words: list[str], stdin: bool) -> Running:
    ours, theirs = [], []
    if stdin:
        read, write = os.pipe2(os.O_CLOEXEC)
        ours.append(write)
        theirs.append(read)
    else:
        ours.append(-1)
        theirs.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    for _ in range(2):
        read, write = os.pipe2(os.O_CLOEXEC)
        ours.append(read)
        theirs.append(write)
    try:
        pid = _exec(oci, of, words, dict(enumerate(theirs)))
    except BaseException:
        _close(ours)
        raise
    finally:
        _close(theirs)
    return Running(pid, *ours)


def _with_terminal(oci: Oci, of: Of, words: list[str]) -> Running:
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        with listening(of.run, f"tty-{os.urandom(8).hex()}") as (listener, path):
            pid = _exec(oci, of, [*words, "--console-socket", path], {0: null, 1: null, 2: null})
            listener.settimeout(PATIENCE)
            connection, _ = listener.accept()
            with connection:
                _, fds, _, _ = socket.recv_fds(connection, 4096, 2)
    finally:
        os.close(null)
    if len(fds) != 1:
        _close(fds)
        raise EngineError(f"the OCI runtime handed over {len(fds)} descriptors, not one terminal")
    return Running(pid, fds[0], fds[0], -1)


def _clean(words: list[str]) -> None:
    name = words[words.index("--process") + 1].removesuffix(".json")
    for ending in ("json", "pid", "log"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{name}.{ending}")


def _close(fds: list[int]) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
