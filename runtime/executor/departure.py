"""Leaving the host's namespaces: by the first process itself if it can be forked into them, else by one in between.

The one in between takes its place in the control groups, leaves and joins namespaces, forks the first process and
goes. It is needed for user and time namespaces and to join a PID namespace: these are entered before forking.
"""

from __future__ import annotations

import os

from runtime.executor.channel import FAILED, PID, USER
from runtime.executor.errors import StartFailed, describe
from runtime.executor.identity import own_streams
from runtime.executor.namespaces import join
from runtime.syscall import namespaces as n
from runtime.syscall.processes import PR_SET_DUMPABLE, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from runtime.executor.channel import Channel
    from runtime.executor.plan import Plan


def settle(plan: Plan, *, born: bool) -> None:
    """What every new process does first: no one may look into it, and it takes its place in the control groups."""
    prctl(PR_SET_DUMPABLE, 0)
    adjust = plan.process.get("oomScoreAdj")
    if adjust is not None:
        write_self(plan, "oom_score_adj", str(adjust))
    if plan.group is not None:
        plan.group.join(born=born)


def give_streams(plan: Plan) -> None:
    """Standard streams become those of the container's root, who may give them on but not take them from ours."""
    if plan.namespaces.has("user") and not plan.rootless:
        for users in plan.linux.get("uidMappings") or []:
            if users["containerID"] == 0:
                own_streams(int(users["hostID"]))


def depart(
    plan: Plan,
    channel: Channel,
    arrive: Callable[[Plan, Channel], None],
    enter: Callable[[Plan], None],
    *,
    born: bool,
) -> NoReturn:
    """Run in a fork of the program; `enter` changes namespaces, `arrive` is what the child does and never returns."""
    try:
        settle(plan, born=born)
        enter(plan)
        child = os.fork()
        if not child:
            run_child(plan, channel, arrive)
        channel.send(PID, str(child))
        os._exit(0)
    except BaseException as error:
        fail(channel, error)


def begin(
    plan: Plan, channel: Channel, arrive: Callable[[Plan, Channel], None], enter: Callable[[Plan], None]
) -> NoReturn:
    """Run in a process that was forked into its PID namespace at once, so that no other is needed in between."""
    try:
        settle(plan, born=True)
        enter(plan)
    except BaseException as error:
        fail(channel, error)
    run_child(plan, channel, arrive)


def run_child(plan: Plan, channel: Channel, arrive: Callable[[Plan, Channel], None]) -> NoReturn:
    """What the child does, with its failures told."""
    try:
        arrive(plan, channel)
    except BaseException as error:
        fail(channel, error)
    os._exit(1)


def fail(channel: Channel, error: BaseException) -> NoReturn:
    """Tell why it is not going on, and go."""
    try:
        channel.send(FAILED, describe(error))
    finally:
        os._exit(1)


def write_self(plan: Plan, name: str, value: str) -> None:
    """Write to a file of this process in the procfs that is known to be one. Raise StartFailed."""
    try:
        descriptor = os.open(f"self/{name}", os.O_WRONLY | os.O_CLOEXEC, dir_fd=plan.proc)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StartFailed(f"write {value} to /proc/self/{name}: {os.strerror(error.errno or 0).lower()}") from None


def leave_namespaces(plan: Plan, channel: Channel) -> None:
    """Join what the specification names, and make the rest new: the user namespace first, it owns the others."""
    give_streams(plan)
    join(plan.joined)
    new = plan.namespaces.new & ~plan.born_in
    if new & n.CLONE_NEWUSER:
        n.unshare(n.CLONE_NEWUSER)
        if plan.rootless:  # our caller may write the maps only of a process that is not closed to it
            prctl(PR_SET_DUMPABLE, 1)
        channel.send(USER)
        channel.wait()
        prctl(PR_SET_DUMPABLE, 0)
        new &= ~n.CLONE_NEWUSER
    if plan.namespaces.has("user"):
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        prctl(PR_SET_DUMPABLE, 0)
    n.unshare(new)
    if offsets := plan.linux.get("timeOffsets"):
        lines = [f"{clock} {each.get('secs', 0)} {each.get('nanosecs', 0)}\n" for clock, each in offsets.items()]
        write_self(plan, "timens_offsets", "".join(lines))
