"""The caller's side of a start: fork, answer what the other processes ask, and know in the end that it went well."""

from __future__ import annotations

import os

from runtime.executor.channel import DONE, FAILED, GO, LISTENER, PID, READY, USER, pair
from runtime.executor.departure import begin, depart
from runtime.executor.errors import StartFailed
from runtime.executor.namespaces import fork_beside, write_maps
from runtime.syscall.cloning import fork_into
from runtime.syscall.namespaces import CLONE_NEWPID, CLONE_NEWTIME
from runtime.syscall.processes import RLIMITS, pidfd_getfd, pidfd_open, prlimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.executor.channel import Channel
    from runtime.executor.plan import Plan

_SIGKILL = 9


class Launch:
    """One start. `born` is called with the new process's pid, `ready` when the host's hooks are to run."""

    def __init__(self, plan: Plan, born: Callable[[int], None], ready: Callable[[], None]) -> None:
        self._plan = plan
        self._born = born
        self._ready = ready
        self._pid = 0
        self._done = False

    def run(self, arrive: Callable[[Plan, Channel], None], enter: Callable[[Plan, Channel], None]) -> int:
        """Start the process and return its pid on the host. Raise StartFailed; then nothing is left of it."""
        here, there = pair()
        between = 0
        if not self._fork_at_once(here, there, arrive, enter):
            between, born = self._fork_between()
            if not between:
                here.close()
                depart(self._plan, there, arrive, lambda plan: enter(plan, there), born=born)
        there.close()
        try:
            if self._pid:
                self._born(self._pid)
            while self._answer(here, between):
                pass
        except BaseException:
            self._kill()
            raise
        finally:
            here.close()
        return self._pid

    def _fork_between(self) -> tuple[int, bool]:
        """Fork a process that stays in our namespaces; tell whether it was born into its group."""
        place = self._plan.group.birthplace() if self._plan.group is not None else ""
        if place:
            try:
                return fork_into(0, place), True
            except OSError:
                return os.fork(), False
        return os.fork(), False

    def _fork_at_once(
        self,
        here: Channel,
        there: Channel,
        arrive: Callable[[Plan, Channel], None],
        enter: Callable[[Plan, Channel], None],
    ) -> bool:
        """Fork the process right into its PID and time namespaces and group; False where that is not possible."""
        plan = self._plan
        namespaces, joins = plan.namespaces, plan.init >= 0
        # A time namespace's offsets can only be set by a process that has made it and is not yet in it.
        long = "time" in namespaces.paths or bool(plan.linux.get("timeOffsets"))
        if namespaces.has("user") or long or (plan.rootless if joins else "pid" in namespaces.paths):
            return False
        place = plan.group.birthplace() if plan.group is not None else ""
        plan.born_in = 0 if joins else namespaces.new & (CLONE_NEWPID | CLONE_NEWTIME)
        try:
            joins = joins and namespaces.has("pid")
            pid = fork_beside(plan.init, plan.proc, place) if joins else fork_into(plan.born_in, place)
        except OSError:
            plan.born_in = 0  # an older kernel, or one that refuses: the long way tells why
            return False
        if not pid:
            here.close()
            begin(plan, there, arrive, lambda plan: enter(plan, there))
        self._pid = pid
        return True

    def _answer(self, here: Channel, between: int) -> bool:
        """Deal with one message; tell whether another one is to come."""
        kind, text = here.receive()
        if kind == USER:
            write_maps(between, self._plan.linux)
            here.send(GO)
        elif kind == PID:
            self._pid = int(text)
            os.waitpid(between, 0)
            self._born(self._pid)
        elif kind == READY:
            self._limit()
            self._ready()
            here.send(GO)
        elif kind == LISTENER:
            self._give_listener(int(text))
            here.send(GO)
        elif kind == DONE:
            self._done = True
            return not text
        elif kind == FAILED:
            raise StartFailed(f"unable to start container process: {text}")
        elif not self._done:
            raise StartFailed("unable to start container process: it died (memory limit too low?)")
        else:
            return False
        return True

    def _limit(self) -> None:
        for limit in self._plan.process.get("rlimits") or []:
            try:
                prlimit(self._pid, RLIMITS[limit["type"]], int(limit["soft"]), int(limit["hard"]))
            except OSError as error:
                reason = os.strerror(error.errno or 0).lower()
                raise StartFailed(f"error setting rlimits for ready process: {limit['type']}: {reason}") from None

    def _give_listener(self, descriptor: int) -> None:
        """Hand the descriptor that answers seccomp to the agent the specification names."""
        from_process = pidfd_open(self._pid)
        listener = pidfd_getfd(from_process, descriptor)
        try:
            self._plan.send_listener(listener, self._pid)
        finally:
            os.close(listener)
            os.close(from_process)

    def _kill(self) -> None:
        if not self._pid:
            return
        try:
            os.kill(self._pid, _SIGKILL)
            os.waitpid(self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # gone already, or the caller's to wait for
