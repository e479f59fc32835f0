"""Who may do what."""

from __future__ import annotations

import pytest

from registry.auth.access import GRANTS, Action, Scope, Target
from registry.auth.identity import Everyone

LEVELS = ("pull", "push", "full")


@pytest.mark.parametrize(
    ("level", "granted"),
    [
        ("pull", {Action.OPEN, Action.PULL, Action.CATALOG}),
        ("push", {Action.OPEN, Action.PULL, Action.CATALOG, Action.PUSH}),
        ("full", set(Action)),
    ],
)
def test_what_each_level_grants(level: str, granted: set[Action]) -> None:
    everyone, target = Everyone(level).identify(b"Basic whatever"), Target(Scope.REPOSITORY, "app")
    assert {action for action in Action if everyone.allows(action, target)} == granted


def test_each_level_grants_what_the_one_below_grants() -> None:
    assert tuple(GRANTS) == LEVELS
    assert GRANTS["pull"] < GRANTS["push"] < GRANTS["full"]


@pytest.mark.parametrize("level", ["", "none", "FULL"])
def test_no_level_is_made_up(level: str) -> None:
    with pytest.raises(KeyError):
        Everyone(level)
