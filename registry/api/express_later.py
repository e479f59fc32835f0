"""The express lane for an index on a server: nothing is waited for, answers come by a callback.

A request that has come before costs a share in one small query, asked for all requests of the moment together, which
says whether anything was committed since its answer was kept. Otherwise it costs a read, which shares round trips.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from registry.api.express import Asked, Express
from registry.metadata.session import Generation
from registry.transport.application import Answer, Client, Deferred

Told = Callable[[Answer | None], None]


class ExpressLater(Express):
    """See the module."""

    def again(self, request: bytes, client: Client) -> Answer | Deferred | None:
        kept = self._kept.known(request)
        if kept is None:
            return None
        started = time.perf_counter()
        generation, found = kept

        def begin(told: Told) -> None:
            def heard(now: Generation | None) -> None:
                if now is None:
                    told(None)
                elif now == generation:
                    told(self._kept_answer(found, client, started))
                else:
                    self._read(found.asked, now, client, started, told)

            self._database.generation_soon(heard)

        return begin

    def _answered(self, asked: Asked, client: Client, started: float) -> Answer | Deferred | None:
        def begin(told: Told) -> None:
            latest = self._database.latest_generation()
            if latest is None and asked.request:
                self._database.generation_soon(lambda now: self._read(asked, now, client, started, told))
            else:
                self._read(asked, latest, client, started, told)

        return begin

    def _read(self, asked: Asked, generation: Generation | None, client: Client, started: float, told: Told) -> None:
        def done(row: object, error: BaseException | None) -> None:
            if error is not None:
                told(None)  # the long way says it
            else:
                told(self._built(asked, row, generation, client, started))

        self._database.read_soon(asked.find, done)
