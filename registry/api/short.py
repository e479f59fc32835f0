"""The short way: a request that came in one piece, body and all, is handled without ASGI's messages.

The handlers are the same, and so is what is written down. A handler that waits for nothing has its answer within the
call; any other goes on as a task from where it first waits.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from starlette.types import Scope

from registry.api.dispatch import Distribution
from registry.transport.application import Answer, Deferred


class ShortWay:
    """For one worker."""

    def __init__(self, distribution: Distribution) -> None:
        self._distribution = distribution
        self._tasks: set[asyncio.Task[Answer]] = set()

    def __call__(self, scope: Scope, body: bytes) -> Answer | Deferred | None:
        """The answer, now or later; None for what is not of the distribution API."""
        if not scope["path"].startswith("/v2/"):
            return None
        handling = self._distribution.whole(scope, body)
        try:
            waits_for = handling.send(None)
        except StopIteration as done:
            answer: Answer = done.value
            return answer

        def begin(told: Callable[[Answer | None], None]) -> None:
            task = asyncio.get_running_loop().create_task(_rest(handling, waits_for))
            self._tasks.add(task)  # the loop itself keeps none alive
            task.add_done_callback(lambda ended: self._ended(ended, told))

        return begin

    def _ended(self, task: asyncio.Task[Answer], told: Callable[[Answer | None], None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():  # as when the server stops, and has no time left
            told(task.result())


async def _rest(handling: Coroutine[Any, Any, Answer], waits_for: object) -> Answer:
    return await _go_on(handling, waits_for)


@types.coroutine
def _go_on(handling: Coroutine[Any, Any, Answer], waits_for: object) -> Generator[object, None, Answer]:
    """Go on with a coroutine that has been begun outside of a task, and waits: hand on what it asks of the loop."""
    while True:
        failed: BaseException | None = None
        try:
            yield waits_for
        except BaseException as error:
            failed = error
        try:
            waits_for = handling.send(None) if failed is None else handling.throw(failed)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
