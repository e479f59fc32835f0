"""The arithmetic of parts, and states as text."""

from __future__ import annotations

import json

import pytest

from storage.drivers.s3.bucket import Part
from storage.drivers.s3.client import PART_LEAST
from storage.drivers.s3.parts import ALIKE, LARGEST_PART, MOST_PARTS, State, part_size

LARGEST_OBJECT = 5 << 40


@pytest.mark.parametrize("first", [PART_LEAST, 8 << 20, 100 << 20])
def test_the_parts_that_s3_takes_hold_the_largest_object(first: int) -> None:
    sizes = [part_size(number, first) for number in range(1, MOST_PARTS + 1)]
    assert sum(sizes) >= LARGEST_OBJECT
    assert sizes == sorted(sizes)
    assert max(sizes) <= LARGEST_PART
    assert min(sizes) == first


def test_parts_of_what_is_usual_have_one_size() -> None:
    assert {part_size(number, 8 << 20) for number in range(1, ALIKE + 1)} == {8 << 20}
    assert ALIKE * (8 << 20) > 7 << 30
    assert part_size(ALIKE + 1, 8 << 20) == 16 << 20


def test_a_state_is_the_same_after_keeping() -> None:
    state = State("p", "u", [Part('"a"', 9), Part('"b"', 9), Part('"c"', 5)], [("t", 3)], ["s"], b"\0inline")
    assert State.decode(state.encode()) == state
    assert state.size == 9 + 9 + 5 + 3 + 7
    done = State("p", "u", [Part('"a"', 9)], done=9)
    assert State.decode(done.encode()) == State("p", done=9)


def test_a_state_of_all_the_parts_there_can_be_is_bounded() -> None:
    parts = [Part(f'"{number:032x}"', part_size(number, 8 << 20)) for number in range(1, MOST_PARTS + 1)]
    text = State("p", "u", parts, inline=bytes(64 * 1024)).encode()
    assert len(text) < 600_000
    assert State.decode(text).parts == parts


@pytest.mark.parametrize(
    "text", ["", "1", "[", '{"etags": ["a"]}', '{"tails": [1]}', '{"inline": "?"}', '{"done": []}']
)
def test_what_is_no_state(text: str) -> None:
    with pytest.raises(ValueError):
        State.decode(text)


def test_a_state_has_nothing_needless() -> None:
    assert json.loads(State(inline=b"x").encode()) == {"inline": "eA=="}
