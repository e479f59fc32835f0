"""A process that joins a container: it enters the namespaces of the first one, all at once, and becomes the program.

From the moment the namespaces are entered every path is the container's, so nothing is opened by path that is not the
program's own business.
"""

from __future__ import annotations

import os

from runtime.executor.channel import READY
from runtime.executor.departure import give_streams
from runtime.executor.finish import finish, label, new_keyring
from runtime.executor.loading import module
from runtime.executor.namespaces import FILES, KINDS
from runtime.syscall import namespaces as n
from runtime.syscall.processes import PR_SET_DUMPABLE, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.channel import Channel
    from runtime.executor.plan import Plan


def join_container(plan: Plan, _channel: Channel) -> None:
    """Enter the namespaces of the container's first process that are not our own. Raise OSError."""
    flags = 0
    for kind, flag in KINDS.items():
        if not plan.namespaces.has(kind):
            continue
        name = FILES.get(kind, kind)
        here = os.stat(f"self/ns/{name}", dir_fd=plan.proc)
        there = os.stat(f"{plan.pid_of_init}/ns/{name}", dir_fd=plan.proc)
        if here.st_ino != there.st_ino:
            flags |= flag
    give_streams(plan)
    n.setns(plan.init, flags)
    os.chdir("/")
    if flags & n.CLONE_NEWUSER:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        prctl(PR_SET_DUMPABLE, 0)


def arrive(plan: Plan, channel: Channel) -> None:
    """Be the joined process. Does not return; raises what went wrong."""
    os.setsid()
    os.umask(0o022)
    new_keyring(plan)
    if plan.process.get("rlimits"):  # which our parent sets; there is nothing else to wait for
        channel.send(READY)
        channel.wait()
    if plan.console is not None:
        module("console").open_in_container(plan.console, plan.process)  # loaded by the caller that gave it
    label(plan)
    finish(plan, channel)
