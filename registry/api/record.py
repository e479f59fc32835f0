"""What is written down about an answered request: metrics, and a line in the access log."""

from __future__ import annotations

import itertools
import os
import re

from registry.telemetry.access_log import AccessLog, Line
from registry.telemetry.metrics import Metrics

CLIENTS_ID = re.compile(rb"[A-Za-z0-9._\-]{8,64}")
"""The form in which a client's own X-Request-Id is taken over."""


class Recorder:
    """One for each worker."""

    def __init__(self, metrics: Metrics, access_log: AccessLog) -> None:
        self.metrics = metrics
        self.access_log = access_log
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    def request_id(self, given: bytes | None = None) -> str:
        """The client's, if it gave one of the right form, else a new one."""
        if given is not None and CLIENTS_ID.fullmatch(given):
            return given.decode("ascii")
        return f"{self._prefix}-{next(self._numbers):08x}"

    def answered(self, line: Line) -> None:
        """Count it, and keep its line for the access log."""
        self.metrics.request(line.route, line.method, line.status, line.seconds, line.received, line.sent)
        self.access_log.line(line)
