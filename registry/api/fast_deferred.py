"""The fast path for an index on a server: nothing is waited for, answers come by a callback.

A request that has come before costs a share in one small query, asked for all requests of the moment together, which
says whether anything was committed since its answer was kept. Otherwise it costs a read, which shares round trips.

It may never answer from what was kept without having asked after the request came: a commit of any replica is seen by
the next request. What it gains: no thread or task waits for the server ("manifest by tag" under "PostgreSQL: against
SQLite" in docs/benchmarks.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from registry.api.fast_path import FastPath, FastRequest, is_of
from registry.metadata.session import Generation
from registry.transport.application import Client, Deferred, Response

Done = Callable[[Response | None], None]


class FastDeferred(FastPath):
    """See the module."""

    def cached(self, raw: bytes, client: Client) -> Response | Deferred | None:
        kept = self._by_bytes.get(raw)
        if kept is None:
            return None
        started = time.perf_counter()

        def begin(done: Done) -> None:
            def heard(now: Generation | None) -> None:
                request = replace(kept.request)  # others may be waiting with the same
                if now == kept.generation:
                    done(self._again(kept, request, client, started))
                elif now is None or not is_of(request, client):
                    done(None)
                else:
                    self._read(request, now, started, done)

            self._database.generation_soon(heard)

        return begin

    def _answer(self, request: FastRequest, started: float) -> Response | Deferred | None:
        kept = self._by_key.get(request.key)
        if kept is None and not self._resolve(request):
            return None

        def begin(done: Done) -> None:
            def heard(now: Generation | None) -> None:
                if kept is not None and now == kept.generation and kept.grant.expires > time.time():
                    request.resolve_as(kept.request)
                    done(self._kept_answer(kept, request, started))
                else:
                    self._read(request, now, started, done)

            latest = self._database.latest_generation()
            if kept is not None or latest is None:
                self._database.generation_soon(heard)
            else:
                self._read(request, latest, started, done)

        return begin

    def _read(self, request: FastRequest, generation: Generation | None, started: float, done: Done) -> None:
        if not self._resolve(request):
            done(None)
            return
        assert request.fast is not None
        find, path = request.fast.find, request.path

        def found(row: object, error: BaseException | None) -> None:
            done(None if error is not None else self._built(request, row, generation, started))

        self._database.read_soon(lambda session: find(session, path), found)
