"""The table of a container's life, and the policy of its restarts."""

import pytest

from runtime.engine import lifecycle
from runtime.engine.monitor import restart


def test_every_state_can_be_left_and_reached() -> None:
    left = {status for status, _ in lifecycle.MOVES}
    reached = set(lifecycle.MOVES.values()) | {lifecycle.CREATED}
    assert left == reached


def test_whatever_lives_can_be_lost_and_whatever_does_not_can_be_removed() -> None:
    for status in {status for status, _ in lifecycle.MOVES}:
        event = "lost" if status in lifecycle.ALIVE else "remove"
        assert (status, event) in lifecycle.MOVES


def test_a_move_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(lifecycle.Illegal, match="cannot pause a container that is exited"):
        lifecycle.move(lifecycle.EXITED, "pause")


@pytest.mark.parametrize(
    ("name", "code", "restarts", "stopped", "again"),
    [
        ("no", 1, 0, False, False),
        ("always", 0, 100, False, True),
        ("always", 0, 0, True, False),
        ("unless-stopped", 0, 0, False, True),
        ("unless-stopped", 0, 0, True, False),
        ("on-failure", 0, 0, False, False),
        ("on-failure", 1, 2, False, True),
        ("on-failure", 1, 3, False, False),
    ],
)
def test_policies(name: str, code: int, restarts: int, stopped: bool, again: bool) -> None:
    assert restart.again({"name": name, "maximum": 3}, code, restarts, stopped) == again


def test_waits_double_up_to_a_minute_and_begin_anew_after_a_calm_run() -> None:
    waits = [restart.FIRST]
    for _ in range(12):
        waits.append(restart.wait(waits[-1], 0.1))
    assert waits[:3] == [0.1, 0.2, 0.4]
    assert waits[-1] == restart.LONGEST
    assert restart.wait(waits[-1], restart.CALM_SECONDS) == restart.FIRST
