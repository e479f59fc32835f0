"""Who may do what. Until there are users there is one principal, everybody, and one setting for it."""

from __future__ import annotations

import enum

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


GRANTS: dict[str, frozenset[Action]] = {
    "pull": frozenset({Action.OPEN, Action.PULL, Action.CATALOG}),
    "push": frozenset({Action.OPEN, Action.PULL, Action.CATALOG, Action.PUSH}),
    "full": frozenset(Action),
}
"""The values of `access.anonymous`, each with the actions it grants."""


class Access:
    """The one gate: `allows` is asked once for every request, before its handler."""

    def __init__(self, anonymous: str) -> None:
        self._granted = GRANTS[anonymous]

    def allows(self, action: Action) -> bool:
        return action in self._granted
