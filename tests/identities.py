"""Users for tests, at the seam where they come in: credentials are words, and each has rights of its own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from registry.auth.access import ANONYMOUS, Action, Scope, Target

CHALLENGE = 'Bearer realm="https://registry.test/token"'


@dataclass
class User:
    """`may` says of an action and a target whether it is allowed."""

    principal: str
    may: Callable[[Action, Target], bool]
    expires: float = math.inf

    def allows(self, action: Action, target: Target) -> bool:
        return self.may(action, target)


def of(prefix: str, *actions: Action) -> Callable[[Action, Target], bool]:
    """These actions, on repositories whose names begin so; and what is open to all."""

    def may(action: Action, target: Target) -> bool:
        if action is Action.OPEN:
            return target.scope is Scope.SYSTEM
        return target.scope is Scope.REPOSITORY and action in actions and target.repository.startswith(prefix)

    return may


class Users:
    """By the value of `Authorization`; any other proves nothing."""

    challenge = CHALLENGE

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[object] | None] = []
        """In which task each was asked for, None outside of all."""
        self.known = {
            b"": User(ANONYMOUS, of("-")),
            b"reader": User("reader", of("team/", Action.PULL)),
            b"writer": User("writer", of("team/", Action.PULL, Action.PUSH)),
            b"blind": User("blind", of("team/", Action.PUSH)),
            b"stranger": User("stranger", of("other/", *Action)),
            b"admin": User("admin", lambda action, target: True),
            b"late": User("late", lambda action, target: True, expires=1.0),
        }

    def identify(self, credentials: bytes) -> User | None:
        self.tasks.append(asyncio.current_task())
        return self.known.get(credentials)
