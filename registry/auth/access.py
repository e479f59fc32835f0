"""What may be done, and to what: the words in which a route says what it requires."""

from __future__ import annotations

import enum
from typing import NamedTuple

ANONYMOUS = "anonymous"
"""The principal of a request that names none."""


class Action(enum.Enum):
    """What a route requires. A route without one cannot be declared."""

    OPEN = "open"
    """Nothing: health and the API check."""
    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    CATALOG = "catalog"


class Scope(enum.Enum):
    """Of what kind the thing is that an action is done to."""

    SYSTEM = "system"
    """The server itself."""
    CATALOG = "catalog"
    """All repositories."""
    REPOSITORY = "repository"


ANY_REPOSITORY = "*"
"""In the place of a name, which it cannot be: an action on whichever repository has something."""


class Target(NamedTuple):
    """What an action is done to; `repository` is empty in the other scopes."""

    scope: Scope
    repository: str = ""


GRANTS: dict[str, frozenset[Action]] = {
    "pull": frozenset({Action.OPEN, Action.PULL, Action.CATALOG}),
    "push": frozenset({Action.OPEN, Action.PULL, Action.CATALOG, Action.PUSH}),
    "full": frozenset(Action),
}
"""The values of `access.anonymous`, each with the actions it grants."""
