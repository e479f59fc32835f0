"""The short read-only window at the end of a move, held open by the copy of the index.

It is renewed while it lasts, and lapses soon after the process that holds it is gone. Whether it ever lapsed, and
whether anything was pushed all the same (clocks of replicas may differ), is checked before the end.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

from registry.metadata import events, read_only
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.errors import DatabaseError
from registry.moving.transfer import Refused

LEASE_SECONDS = 30.0
"""How long each renewal holds. Clocks of replicas may differ by less than this."""

RENEW_SECONDS = 3.0
POLL_SECONDS = 0.2


class ReadOnlyWindow:
    """A context in which nothing is written to the database; afterwards it is as before, unless `keep` was called."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self._lapsed = False
        self._before = 0
        self._begun = False
        self._event = 0
        self._kept = False
        self._thread = threading.Thread(target=self._renew, name="read-only-window", daemon=True)

    def __enter__(self) -> ReadOnlyWindow:
        self._await_others()
        try:
            self._event = self._database.write_now(self._begin, always=True)
        except KeyboardInterrupt:
            self._database.write_now(self._undo, always=True)  # in the queue behind what was not waited for
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if not self._kept and self._before != read_only.FOR_GOOD:
            self._database.write_now(read_only.close, always=True)

    def check(self) -> None:
        """Raises Refused if anything may have been written since the beginning."""
        self._database.write_now(self._check, durable=False, always=True)

    def keep(self) -> None:
        """Leave it open for good. Raises Refused as `check`."""

        def run(s: Session) -> None:
            self._check(s)
            read_only.open_until(s, read_only.FOR_GOOD)

        self._database.write_now(run, always=True)
        self._kept = True

    def _await_others(self) -> None:
        """Wait for the window of a killed copy to lapse. Raises Refused while another copy goes on."""
        first = self._database.read_now(read_only.until)
        while now_ms() < (until := self._database.read_now(read_only.until)) < read_only.FOR_GOOD:
            if until > first:
                raise Refused("another copy of this database is running; wait until it has ended")
            time.sleep(POLL_SECONDS)

    def _begin(self, s: Session) -> int:
        self._before = read_only.until(s)
        if now_ms() < self._before < read_only.FOR_GOOD:
            raise Refused("another copy of this database is running; wait until it has ended")
        if self._before != read_only.FOR_GOOD:
            read_only.open_until(s, now_ms() + int(LEASE_SECONDS * 1000))
        self._begun = True
        return events.last_id(s)

    def _undo(self, s: Session) -> None:
        if self._begun and self._before != read_only.FOR_GOOD:
            read_only.close(s)

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            try:
                self._lapsed = self._lapsed or not self._database.write_now(self._renew_once, always=True)
            except DatabaseError:
                continue  # it may come back before the row lapses, which the next look at it says

    def _renew_once(self, s: Session) -> bool:
        until = read_only.until(s)
        if until <= now_ms():
            return False
        if until != read_only.FOR_GOOD:
            read_only.open_until(s, now_ms() + int(LEASE_SECONDS * 1000))
        return True

    def _check(self, s: Session) -> None:
        if self._lapsed or read_only.until(s) <= now_ms() or events.last_id(s) != self._event:
            raise Refused("the registry was written to while it was copied; try again")
