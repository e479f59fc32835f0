"""One container from its start to its last end: what the monitor does about each thing that happens."""

from __future__ import annotations

import os
import struct
import time
from typing import Any

from runtime.engine import clock, events, frames, lifecycle, state
from runtime.engine.lifecycle import Illegal
from runtime.engine.listening import listening
from runtime.engine.monitor import oom, restart
from runtime.engine.monitor.builtin_oci import BuiltinOci
from runtime.engine.monitor.clients import Client, Clients
from runtime.engine.monitor.creator import Creator
from runtime.engine.monitor.health import Health
from runtime.engine.monitor.log import JsonFile
from runtime.engine.monitor.loop import Loop
from runtime.engine.monitor.oci import Oci, RuntimeFailed
from runtime.engine.monitor.plan import Plan
from runtime.engine.monitor.ports import Held
from runtime.engine.monitor.streams import Streams
from runtime.engine.paths import Paths

LINGER_SECONDS = 2.0
"""Seconds after the end within which output that another process holds open must come."""


class Container:
    """The container of this monitor."""

    def __init__(self, plan: Plan, loop: Loop, clients: Clients, creator: Creator | None = None) -> None:
        self.plan = plan
        self.loop = loop
        self.clients = clients
        self.paths = Paths(plan.root, plan.run)
        self.of = self.paths.of(plan.id)
        self.state = state.read(self.of.state)
        self.state.restarts = 0
        self.state.stopped = False
        self.state.boot = state.boot_id()
        self.over = False
        """It will not be started again."""
        called = (plan.runtime, self.paths.oci, plan.id, self.of.oci_log)
        self._oci = BuiltinOci(*called, creator) if plan.ours else Oci(*called)
        self._log = JsonFile(self.of.log, plan.log["max_size"], plan.log["max_file"]) if plan.log else None
        self._streams = self._fresh()
        self._ports = Held(plan.ports)
        self._health: Health | None = None
        self._told = "starting"
        self._policy = plan.restart
        self._counter = ""
        self._code: int | None = None
        self._begun = 0.0
        self._wait = 0.0
        self._timer = 0
        self._deadline = 0

    def start(self) -> None:
        """Create and start it. Raises RuntimeFailed; then nothing of it is left."""
        self._streams = self._fresh()
        pid = 0
        try:
            pid = self._create()
            self._counter = oom.counter_of(pid)
            self.loop.child(pid, self._exited)
            self._oci.run("start", self.plan.id)
        except (RuntimeFailed, OSError, ValueError) as error:
            self.loop.child(pid, lambda _: None)
            self._streams.close()
            self._delete("--force")
            if isinstance(error, RuntimeFailed):
                raise
            raise RuntimeFailed(str(error)) from None
        now = self.state
        now.move("start")
        now.pid, now.exit_code, now.error, now.oom_killed = pid, 0, "", False
        now.started_at, now.finished_at, self._begun = clock.now(), clock.NEVER, time.monotonic()
        if self.plan.health:
            self._health = Health(self.loop, self._oci, self.of.run, self.plan.health, self._checked)
            now.health, self._told = self._health.known, "starting"
        self._write()
        self._event("start")
        self.clients.tell(frames.told(frames.STARTED, pid=pid))
        self.loop.reap()

    def failed(self, error: RuntimeFailed) -> None:
        """Tell that the first start failed, and have the state as it was."""
        self.state.error, self.state.exit_code = str(error), error.code
        self._ports.let_go()
        self._write()
        self.over = True
        self.clients.tell(frames.told(frames.FAILED, error=str(error), code=error.code))

    def heard(self, client: Client, kind: bytes, payload: bytes) -> None:
        """Do what a client asks for; who asks in a way that makes no sense is cut off."""
        try:
            self._heard(client, kind, payload)
        except (frames.Cut, KeyError, TypeError, ValueError, struct.error):
            client.drop()

    def _heard(self, client: Client, kind: bytes, payload: bytes) -> None:
        if kind == frames.STDIN:
            if client.stdin:
                self._streams.feed(payload)
                client.hold(self._streams.full)
        elif kind == frames.STDIN_END:
            self._input_ended(client)
        elif kind == frames.RESIZE:
            said = frames.read(payload)
            self._streams.resize(int(said["rows"]), int(said["columns"]))
        elif kind == frames.ATTACH:
            self._attach(client, frames.read(payload))
        elif kind == frames.FINISHED:
            client.done = True
        else:
            client.send(frames.told(frames.ANSWER, error=self._command(kind, frames.read(payload))))

    def left(self, client: Client) -> None:
        """A client is gone."""
        self._input_ended(client)
        self.eased()

    def eased(self) -> None:
        """Clients or the container took what waited for them."""
        self._streams.pause(self.clients.slow)
        if not self._streams.full:
            for client in self.clients.all:
                client.hold(False)

    def stop(self, number: int, timeout: float, *, by_command: bool) -> None:
        """End it: a signal, and after so many seconds the one that cannot be caught. Negative: without end."""
        self.state.stopped = self.state.stopped or by_command
        if self.state.status == lifecycle.RESTARTING:
            self.loop.cancel(self._timer)
            self._over()
            return
        self._write()
        self._thaw()
        self._signal(number)
        if timeout >= 0:
            self.loop.cancel(self._deadline)
            self._deadline = self.loop.after(timeout, lambda: self._signal(9))

    def retire(self) -> None:
        """End it for the machine's end: it is not started again now, and will be after the boot if it should."""
        self._policy = {}
        self.stop(self.plan.stop_signal, self.plan.stop_timeout, by_command=False)

    def close(self) -> None:
        """Let go of the log."""
        if self._log:
            self._log.close()

    def _fresh(self) -> Streams:
        return Streams(self.loop, self._output, self._drained, self.eased)

    def _create(self) -> int:
        words = ["create", "--bundle", self.of.bundle, "--pid-file", self.of.pid_file]
        if not self.plan.tty:
            stdio = self._streams.pipes(self.plan.stdin)
            self._oci.run(*words, self.plan.id, stdio=stdio)
            self._streams.begun()
        else:
            with listening(self.of.run, os.path.basename(self.of.console)) as (listener, path):
                self._oci.run(*words, "--console-socket", path, self.plan.id)
                self._streams.terminal(listener, self.plan.size)
        with open(self.of.pid_file, encoding="ascii") as file:
            return int(file.read())

    def _attach(self, client: Client, said: dict[str, Any]) -> None:
        client.stdin = bool(said.get("stdin")) and self.plan.stdin
        client.stdout, client.stderr = bool(said.get("stdout")), bool(said.get("stderr"))
        client.custodian = bool(said.get("custodian"))

    def _input_ended(self, client: Client) -> None:
        if client.stdin:
            client.stdin = False
            if self.plan.stdin_once:
                self._streams.end_input()

    def _command(self, kind: bytes, said: dict[str, Any]) -> str:
        try:
            if kind == frames.KILL:
                self._kill(int(said["signal"]))
            elif kind == frames.STOP:
                self.stop(int(said["signal"]), float(said["timeout"]), by_command=True)
            elif kind == frames.PAUSED:
                self._pause(bool(said["paused"]))
            elif kind == frames.POLICY:
                self._policy = said
            else:
                return "the monitor does not know this command"
        except (RuntimeFailed, Illegal, OSError) as error:
            return str(error)
        return ""

    def _kill(self, number: int) -> None:
        if self.state.status == lifecycle.RESTARTING:
            raise Illegal(lifecycle.RESTARTING, "signal")
        if number in (9, self.plan.stop_signal):
            self.state.stopped = True
            self._write()
        if number == 9:
            self._thaw()
        self._signal(number)
        self._event("kill", signal=str(number))

    def _signal(self, number: int) -> None:
        if self._code is None:
            try:
                os.kill(self.state.pid, number)  # no other process has this pid: only this process can reap it
            except ProcessLookupError:
                return

    def _pause(self, paused: bool) -> None:
        event = "pause" if paused else "unpause"
        lifecycle.move(self.state.status, event)
        self._oci.run("pause" if paused else "resume", self.plan.id)
        self.state.move(event)
        self._write()
        self._event(event)

    def _thaw(self) -> None:
        if self.state.status == lifecycle.PAUSED:
            self._pause(False)

    def _output(self, stream: str, data: bytes) -> None:
        if self._log:
            self._log.write(stream, data)
        self.clients.output(stream, data)
        self._streams.pause(self.clients.slow)

    def _checked(self, known: dict[str, Any]) -> None:
        self.state.health = known
        self._write()
        if known["Status"] != self._told:
            self._told = known["Status"]
            self._event(f"health_status: {known['Status']}")

    def _exited(self, code: int) -> None:
        self._code = code
        self.loop.cancel(self._deadline)
        if self._health:
            self._health.stop()
            self._health = None
        self.state.oom_killed = oom.happened(self._counter)
        if self._streams.open:
            self._timer = self.loop.after(LINGER_SECONDS, self._linger)
        else:
            self._drained()

    def _linger(self) -> None:
        if self.clients.slow:
            self._timer = self.loop.after(LINGER_SECONDS, self._linger)
        else:
            self._drained()

    def _drained(self) -> None:
        """The process is over and so is its output."""
        if self._code is None or self.over:
            return
        self.loop.cancel(self._timer)
        self._streams.close()
        code, self._code = self._code, None
        now = self.state
        again = restart.again(self._policy, code, now.restarts, now.stopped)
        if not again:
            self._ports.let_go()
        now.move("await restart" if again else "exit")
        now.pid, now.exit_code, now.finished_at = 0, code, clock.now()
        self._write()
        self._event("die", exitCode=str(code))
        if now.oom_killed:
            self._event("oom")
        self.clients.tell(frames.told(frames.EXITED, code=code, oom=now.oom_killed, again=again))
        self._delete()
        if again:
            self._wait = restart.wait(self._wait, time.monotonic() - self._begun)
            self._timer = self.loop.after(self._wait, self._again)
        else:
            self._gone()

    def _again(self) -> None:
        self.state.restarts += 1
        try:
            self.start()
        except RuntimeFailed as error:
            self.state.error, self.state.exit_code = str(error), error.code
            if restart.again(self._policy, error.code, self.state.restarts, self.state.stopped):
                self._write()
                self._wait = restart.wait(self._wait, 0)
                self._timer = self.loop.after(self._wait, self._again)
            else:
                self._over()

    def _over(self) -> None:
        """It was to be restarted and will not be."""
        self._ports.let_go()
        self.state.move("exit")
        self._write()
        told = frames.told(frames.EXITED, code=self.state.exit_code, oom=self.state.oom_killed, again=False)
        self.clients.tell(told)
        self._gone()

    def _gone(self) -> None:
        self.over = True
        self.clients.tell(frames.frame(frames.GONE))

    def _delete(self, *words: str) -> None:
        try:
            self._oci.run("delete", *words, self.plan.id)
        except RuntimeFailed as error:
            if not words and "does not exist" not in str(error):
                self._delete("--force")

    def _write(self) -> None:
        state.write(self.of.state, self.state)

    def _event(self, action: str, **more: str) -> None:
        events.append(self.paths.events, action, self.plan.id, {**self.plan.attributes, **more})
