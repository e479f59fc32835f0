"""The health check of a container: a command run in it again and again, and what its exit codes mean."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from runtime.engine import clock
from runtime.engine.monitor.loop import READ, Loop
from runtime.engine.monitor.oci import Oci, RuntimeFailed

KEPT = 5
"""Results remembered."""
OUTPUT = 4096
"""Bytes of output remembered of each."""


class Health:
    """Runs the check; `said` is called with the health each time it is known anew."""

    def __init__(
        self, loop: Loop, oci: Oci, folder: str, plan: dict[str, Any], said: Callable[[dict[str, Any]], None]
    ) -> None:
        self._loop = loop
        self._oci = oci
        self._process = f"{folder}/health.json"
        self._pid_file = f"{folder}/health.pid"
        self._plan = plan
        self._said = said
        self._begun = time.monotonic()
        self._timer = 0
        self._pid = 0
        self._output = bytearray()
        self._pipe = -1
        self._since = ""
        self._slow = False
        self.known: dict[str, Any] = {"Status": "starting", "FailingStreak": 0, "Log": []}
        with open(self._process, "w", encoding="utf-8") as file:
            json.dump(plan["process"], file)
        self._later()

    def stop(self) -> None:
        """Check no more."""
        self._loop.cancel(self._timer)
        if self._pid:
            self._kill()
            self._pid = 0
        self._close()

    def _starting(self) -> bool:
        young: bool = time.monotonic() - self._begun < self._plan["start_period"]
        return young and bool(self.known["Status"] == "starting")

    def _later(self) -> None:
        every = self._plan["start_interval"] if self._starting() else self._plan["interval"]
        self._timer = self._loop.after(every, self._check)

    def _check(self) -> None:
        self._since, self._slow, self._output = clock.now(), False, bytearray()
        self._pipe, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._pipe, False)
        try:
            self._oci.run(
                "exec",
                "--process",
                self._process,
                "--detach",
                "--pid-file",
                self._pid_file,
                self._oci.id,
                stdio={1: theirs, 2: theirs},
            )
            with open(self._pid_file, encoding="ascii") as file:
                self._pid = int(file.read())
        except (RuntimeFailed, OSError, ValueError) as error:
            self._output += str(error).encode()
            self._close()
            self._known(126)
            return
        finally:
            os.close(theirs)
        self._loop.watch(self._pipe, READ, self._read)
        self._loop.child(self._pid, self._ended)
        self._timer = self._loop.after(self._plan["timeout"], self._late)
        self._loop.reap()

    def _late(self) -> None:
        self._slow = True
        self._kill()

    def _kill(self) -> None:
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _read(self, _: int) -> None:
        try:
            data = os.read(self._pipe, OUTPUT)
        except BlockingIOError:
            return
        self._output += data[: max(0, OUTPUT - len(self._output))]
        if not data:
            self._close()

    def _close(self) -> None:
        if self._pipe >= 0:
            self._loop.forget(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _ended(self, code: int) -> None:
        if not self._pid:
            return
        self._pid = 0
        self._loop.cancel(self._timer)
        if self._pipe >= 0:
            self._read(0)
        self._close()
        if self._slow:
            self._output[:] = f"Health check exceeded timeout ({self._plan['timeout']:g}s)".encode()
            code = -1
        self._known(code)

    def _known(self, code: int) -> None:
        told = {
            "Start": self._since,
            "End": clock.now(),
            "ExitCode": code,
            "Output": self._output.decode("utf-8", "replace"),
        }
        self.known["Log"] = [*self.known["Log"], told][-KEPT:]
        young = self._starting()
        if code == 0:
            self.known.update(Status="healthy", FailingStreak=0)
        elif not young:
            self.known["FailingStreak"] += 1
            if self.known["FailingStreak"] >= self._plan["retries"]:
                self.known["Status"] = "unhealthy"
        self._said(self.known)
        self._later()
