"""Whether anything was committed, by any process: one query for all who want to know at the same time."""

import functools
from collections.abc import Callable

from registry.metadata.postgres.pipeline import Pipeline
from registry.metadata.postgres.replay import tell
from registry.metadata.session import Generation, Session

Told = Callable[[Generation | None], None]

GENERATION = "SELECT pg_current_snapshot()::text || pg_postmaster_start_time()::text"
"""Of two that are equal, on one connection, the second has seen no commit that the first had not.

A pooler keeps a connection through a failover; another server may count other commits by the same numbers.
"""


class Generations:
    """What the database has committed so far, asked for all who want to know at the same time by one query.

    The query begins after each of them has asked, so what it answers is as fresh as a read would be.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        """`pipeline` has one connection, and no other use."""
        self._pipeline = pipeline
        self._waiting: list[Told] = []
        self._asking = False
        self.latest: Generation | None = None
        """The last one heard of: what is read from now on is at least as new."""

    def ask(self, told: Told) -> None:
        """Have `told` called later, with None when the database does not answer."""
        self._waiting.append(told)
        if not self._asking:
            self._asking = True
            self._pipeline.loop.call_soon(self._ask)

    def close(self) -> None:
        """Let go of the connection; the callers that wait get None."""
        self._pipeline.close()

    def _ask(self) -> None:
        asked, self._waiting = self._waiting, []
        self._pipeline.start(_generation, functools.partial(self._heard, asked))

    def _heard(self, asked: list[Told], text: object, error: BaseException | None) -> None:
        self._asking = bool(self._waiting)
        if self._asking:
            self._ask()
        self.latest = None if error is not None else (self._pipeline.joined, text)
        for told in asked:
            tell(told, self.latest)


def _generation(session: Session) -> object:
    return session.sql(GENERATION)[0][0]
