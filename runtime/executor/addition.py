"""One more process for a container that is there, for `exec` and for whoever has this program's code loaded already.

It is started by a fork of the process that calls: that must have one thread, and its child imports nothing.
"""

from __future__ import annotations

import os

from runtime.executor.errors import NotRunning
from runtime.executor.joining import arrive, join_container
from runtime.executor.launch import Launch
from runtime.executor.loading import module
from runtime.executor.plan import Plan
from runtime.executor.process import check_process
from runtime.executor.state import load
from runtime.syscall.processes import pidfd_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Mapping
    from typing import Any

    from runtime.executor.channel import Channel
    from runtime.executor.state import State


def running(root: str, identity: str, *, paused: bool = False) -> State:
    """The state of a container that can have one more process. Raise NoSuchContainer, NotRunning."""
    state = load(root, identity)
    status = state.status()
    if status == "stopped":
        raise NotRunning("cannot exec in a stopped container")
    if status == "paused" and not paused:
        raise NotRunning("cannot exec in a paused container (use --ignore-paused to override)")
    return state


def prepared(state: State, config: dict[str, Any], process: dict[str, Any], console: _socket.socket | None) -> Plan:
    """The plan of a process; its terminal's master will be sent over `console`. Raise ExecutorError."""
    check_process(process)
    group = state.cgroup()
    group = group.joined(state.pid) if group is not None else None
    plan = Plan({"linux": config.get("linux") or {}}, process, group, state.paths)
    plan.console = console
    if console is not None:
        module("console")
    plan.init, plan.pid_of_init = pidfd_open(state.pid), state.pid
    if not state.alive():
        raise NotRunning("container not running")
    return plan


def start(plan: Plan, streams: Mapping[int, int]) -> int:
    """Start it and return its pid; `streams` says what its descriptors 0 to 2 are, if not ours. Raise StartFailed."""

    def enter(plan: Plan, channel: Channel) -> None:
        for number, descriptor in streams.items():
            os.dup2(descriptor, number)
        join_container(plan, channel)

    plan.seal()
    return Launch(plan, lambda _: None, lambda: None).run(arrive, enter)
