"""Writes the access log and the tally a moment after something was answered; while nothing happens it does nothing."""

from __future__ import annotations

import asyncio

from registry.telemetry import logs
from registry.telemetry.access_log import AccessLog
from registry.telemetry.metrics import Metrics

FLUSH_SECONDS = 0.1
RETRY_SECONDS = 1.0
"""For what could not be written, and for a tally that was published a moment ago."""


class Flusher:
    """Of one worker; everything is called on its event loop."""

    def __init__(self, access_log: AccessLog, metrics: Metrics) -> None:
        self._access_log = access_log
        self._metrics = metrics
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watched = -1
        """The descriptor that is watched for room."""

    def start(self) -> None:
        """From now on, on the running loop. Other workers count this one before it has answered anything."""
        self._loop = asyncio.get_running_loop()
        self._access_log.wake = self._metrics.wake = self.wake
        self._metrics.flush(now=True)

    def stop(self) -> None:
        self._watch(-1)
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None

    def wake(self) -> None:
        """There is something to write: it does not wait for what is tried again later."""
        if self._loop is None:
            return
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + FLUSH_SECONDS:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._timer = None
        written = self._access_log.flush()
        self._watch(-1 if written else self._access_log.writable)
        waits_for_room = written or self._watched >= 0
        if not (self._metrics.flush() and logs.flush() and waits_for_room) and self._loop is not None:
            self._timer = self._loop.call_later(RETRY_SECONDS, self._flush)

    def _watch(self, descriptor: int) -> None:
        if self._loop is None or descriptor == self._watched:
            return
        if self._watched >= 0:
            self._loop.remove_writer(self._watched)
        self._watched = descriptor
        if descriptor >= 0:
            self._loop.add_writer(descriptor, self._room)

    def _room(self) -> None:
        if self._access_log.flush():
            self._watch(-1)
