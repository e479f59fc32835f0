"""The short moment in which a registry takes no changes, held by whoever copies its index.

It is said again and again while it lasts, and lapses soon after nobody says so any more. Whether it ever lapsed while
it was held, and whether anything was pushed all the same (clocks of replicas may differ), is looked at before the end.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

from registry.metadata import events, frozen
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.errors import DatabaseError
from registry.metadata.transfer import Refused

LEASE = 30.0
"""Seconds for which it is said each time. Clocks of replicas may differ by less than this."""

EVERY = 3.0
"""Seconds between two times."""

LOOK = 0.2


class Moment:
    """A context in which nothing is written to the database; afterwards it is as before, unless `for_good` was said."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self._lapsed = False
        self._before = 0
        self._begun = False
        self._event = 0
        self._kept = False
        self._thread = threading.Thread(target=self._renew, name="moment", daemon=True)

    def __enter__(self) -> Moment:
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
        if not self._kept and self._before != frozen.FOR_GOOD:
            self._database.write_now(frozen.thaw, always=True)

    def check(self) -> None:
        """Raises Refused if anything may have been written since the beginning."""
        self._database.write_now(self._check, durable=False, always=True)

    def for_good(self) -> None:
        """Have it stay so. Raises Refused as `check`."""

        def run(s: Session) -> None:
            self._check(s)
            frozen.freeze(s, frozen.FOR_GOOD)

        self._database.write_now(run, always=True)
        self._kept = True

    def _await_others(self) -> None:
        """Wait for what a killed copy has said to lapse. Raises Refused while another copy goes on."""
        first = self._database.read_now(frozen.said)
        while now_ms() < (until := self._database.read_now(frozen.said)) < frozen.FOR_GOOD:
            if until > first:
                raise Refused("another copy of this database is going on; wait for its end")
            time.sleep(LOOK)

    def _begin(self, s: Session) -> int:
        self._before = frozen.said(s)
        if now_ms() < self._before < frozen.FOR_GOOD:
            raise Refused("another copy of this database is going on; wait for its end")
        if self._before != frozen.FOR_GOOD:
            frozen.freeze(s, now_ms() + int(LEASE * 1000))
        self._begun = True
        return events.last_id(s)

    def _undo(self, s: Session) -> None:
        if self._begun and self._before != frozen.FOR_GOOD:
            frozen.thaw(s)

    def _renew(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self._lapsed = self._lapsed or not self._database.write_now(self._again, always=True)
            except DatabaseError:
                continue  # it may come back before the row lapses, which the next look at it says

    def _again(self, s: Session) -> bool:
        until = frozen.said(s)
        if until <= now_ms():
            return False
        if until != frozen.FOR_GOOD:
            frozen.freeze(s, now_ms() + int(LEASE * 1000))
        return True

    def _check(self, s: Session) -> None:
        if self._lapsed or frozen.said(s) <= now_ms() or events.last_id(s) != self._event:
            raise Refused("the registry was written to while it was copied; try again")
