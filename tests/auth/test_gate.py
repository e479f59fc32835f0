"""The gate: nothing by default, no longer than the credentials are good, and not at all once revoked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from registry.auth.access import ANONYMOUS, Action, Scope, Target
from registry.auth.gate import LONGEST, REMEMBERED, Gate, Grant
from registry.auth.identity import Everyone
from registry.oci.errors import Denied, Unauthorized

APP, OTHER = Target(Scope.REPOSITORY, "team/app"), Target(Scope.REPOSITORY, "other/app")


@dataclass
class User:
    """May pull what begins with its name, until `expires`."""

    principal: str
    expires: float = 100.0

    def allows(self, action: Action, target: Target) -> bool:
        return action is Action.PULL and target.repository.startswith(self.principal)


class Users:
    """Credentials are names. `asked` counts how often one was looked up."""

    challenge = 'Bearer realm="https://here.test/token"'

    def __init__(self) -> None:
        self.asked = 0
        self.expires = 100.0

    def identify(self, credentials: bytes) -> User | None:
        self.asked += 1
        name = credentials.decode()[:20]
        if name.startswith("wrong"):
            return None
        return User(name or ANONYMOUS, self.expires)


class Clock:
    now = 10.0

    def __call__(self) -> float:
        return self.now


def granted(gate: Gate, credentials: bytes = b"team", action: Action = Action.PULL, target: Target = APP) -> Grant:
    decision = gate.decide(credentials, action, target)
    assert isinstance(decision, Grant), decision
    return decision


def test_what_is_allowed_is_granted_and_nothing_else() -> None:
    gate = Gate(Users(), Clock())
    assert granted(gate).principal == "team"
    for action in Action:
        for target in (APP, OTHER, Target(Scope.SYSTEM), Target(Scope.CATALOG)):
            if (action, target) != (Action.PULL, APP):
                assert isinstance(gate.decide(b"team", action, target), Denied), (action, target)


def test_a_stranger_is_asked_for_a_name() -> None:
    gate = Gate(Users(), Clock())
    for credentials in (b"", b"wrong"):
        decision = gate.decide(credentials, Action.PULL, APP)
        assert isinstance(decision, Unauthorized)
        assert decision.headers["www-authenticate"] == Users.challenge


def test_where_there_are_no_names_nobody_is_asked_for_one() -> None:
    decision = Gate(Everyone("pull")).decide(b"", Action.PUSH, APP)
    assert isinstance(decision, Denied)
    assert "access.anonymous" in decision.message


def test_credentials_are_looked_up_once_until_they_expire() -> None:
    users, clock = Users(), Clock()
    gate = Gate(users, clock)
    first = granted(gate)
    assert granted(gate) is first
    assert users.asked == 1
    clock.now = 100.0
    assert isinstance(gate.decide(b"team", Action.PULL, APP), Unauthorized)  # what they prove is over as well
    users.expires = 200.0
    again = granted(gate)
    assert (users.asked, again.expires, first.expires) == (3, 200.0, 100.0)


def test_a_revoked_grant_is_over_for_all_who_hold_it() -> None:
    gate = Gate(Users(), Clock())
    mine, other = granted(gate), granted(gate, b"other", target=OTHER)
    gate.revoke("team")
    assert (mine.expires, other.expires) == (0.0, 100.0)
    assert granted(gate) is not mine


def test_what_is_not_remembered_any_more_could_not_be_revoked() -> None:
    gate = Gate(Users(), Clock())
    first, anonymous = granted(gate), gate.decide(b"", Action.PULL, Target(Scope.REPOSITORY, ANONYMOUS))
    for number in range(REMEMBERED):
        gate.decide(b"t%d" % number, Action.PULL, APP)
    assert first.expires == 0.0
    assert isinstance(anonymous, Grant)
    assert anonymous.expires > 0.0
    assert granted(gate, b"team" + b"x" * LONGEST, target=Target(Scope.REPOSITORY, "team" + "x" * 20)).expires == 0.0


@pytest.mark.parametrize("level", ["pull", "push", "full"])
def test_without_users_all_are_anonymous_whatever_they_bring(level: str) -> None:
    gate = Gate(Everyone(level))
    assert {granted(gate, credentials).principal for credentials in (b"", b"Basic x", b"Bearer y")} == {ANONYMOUS}
