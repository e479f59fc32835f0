"""The checker of histories: it explains what a right register may answer, and finds every planted violation."""

import random
from collections.abc import Callable

import pytest

from tests.replicas.history import (
    ABSENT,
    Operation,
    Step,
    broken,
    deleted,
    erased,
    listed,
    put,
    refused,
    seen,
    swapped,
)


def op(began: int, ended: int | None, what: str) -> Operation:
    """An operation written as `put a`, `see a`, `see`, `delete`, `list`, `swap a b`, `refuse a`."""
    word, *names = what.split()
    if word == "put":
        return Operation(what, began, put(names[0]), names[0], ended)
    if word == "delete":
        return Operation(what, began, erased() if ended is None else deleted(), ABSENT, ended)
    steps: dict[str, Callable[[], Step]] = {"see": lambda: seen(names[0] if names else ABSENT), "list": listed}
    steps |= {"refuse": lambda: refused(names[0]), "swap": lambda: swapped(names[0], names[1])}
    told = (names or [ABSENT])[0] if word == "see" else None
    return Operation(what, began, steps[word](), names[-1] if word == "swap" else None, ended, told)


LINEAR = {
    "nothing happened": [],
    "nothing is there yet": [op(0, 1, "see")],
    "read after write": [op(0, 1, "put a"), op(2, 3, "see a")],
    "reads meanwhile see either": [op(0, 9, "put a"), op(1, 2, "see"), op(3, 4, "see a"), op(5, 6, "see a")],
    "two writes meanwhile, in either order": [op(0, 9, "put a"), op(1, 8, "put b"), op(10, 11, "see a")],
    "the older one may win": [op(0, 9, "put b"), op(1, 8, "put a"), op(10, 11, "see a")],
    "deleted and gone": [op(0, 1, "put a"), op(2, 3, "delete"), op(4, 5, "see")],
    "one of two swaps": [op(0, 1, "put a"), op(2, 6, "swap a b"), op(3, 7, "refuse a"), op(8, 9, "see b")],
    "a lost write may have happened": [op(0, None, "put a"), op(5, 6, "see a")],
    "or happen late": [op(0, None, "put a"), op(1, 2, "see"), op(3, 4, "put b"), op(5, 6, "see b"), op(7, 8, "see a")],
    "or never": [op(0, None, "put a"), op(1, 2, "see"), op(3, 4, "put b"), op(5, 6, "see b")],
    "a lost delete may happen late": [op(0, 1, "put a"), op(2, None, "delete"), op(3, 4, "see a"), op(5, 6, "see")],
    "a lost read may have been anything": [op(0, 1, "put a"), op(2, None, "see b"), op(3, 4, "see a")],
    "many lost writes": [op(n, None, f"put v{n}") for n in range(40)] + [op(50, 51, "see v7"), op(52, 53, "see v30")],
    "in a list while it is being put": [op(0, 5, "put a"), op(1, 2, "list")],
}

BROKEN = {
    "a stale read": [op(0, 1, "put a"), op(2, 3, "put b"), op(4, 5, "see a")],
    "a lost write that was acknowledged": [op(0, 1, "put a"), op(2, 3, "see")],
    "back in time": [op(0, 1, "put a"), op(2, 9, "put b"), op(3, 4, "see b"), op(5, 6, "see a")],
    "back in time, over two clients": [op(0, 1, "put a"), op(2, 9, "put b"), op(3, 5, "see b"), op(6, 7, "see a")],
    "from nowhere": [op(0, 1, "put a"), op(2, 3, "see b")],
    "before it was written": [op(0, 1, "see a"), op(2, 3, "put a")],
    "a lost delete": [op(0, 1, "put a"), op(2, 3, "delete"), op(4, 5, "see a")],
    "deleted twice": [op(0, 1, "put a"), op(2, 5, "delete"), op(3, 6, "delete")],
    "both swaps": [op(0, 1, "put a"), op(2, 6, "swap a b"), op(3, 7, "swap a c")],
    "refused for nothing": [op(0, 1, "put a"), op(2, 3, "refuse a")],
    "a lost write twice": [op(0, None, "put a"), op(1, 2, "see a"), op(3, 4, "put b"), op(5, 6, "see a")],
    "in a list after its delete": [op(0, 1, "put a"), op(2, 3, "delete"), op(4, 5, "list")],
    "two readers disagree on the order": [
        op(0, 20, "put a"),
        op(0, 20, "put b"),
        op(1, 2, "see a"),
        op(3, 4, "see b"),
        op(5, 6, "see a"),
    ],
}


@pytest.mark.parametrize("name", LINEAR)
def test_explained(name: str) -> None:
    assert broken(LINEAR[name]) == ""


@pytest.mark.parametrize("name", BROKEN)
def test_found(name: str) -> None:
    text = broken(BROKEN[name])
    assert "not linear" in text
    assert "may have held" in text


def lost(began: int, until: int, what: str) -> Operation:
    made = op(began, until, what)
    made.lost = True
    return made


def test_a_lost_write_may_happen_for_so_long() -> None:
    early, late = [op(1, 2, "see"), op(6, 7, "see a")], [op(12, 13, "see"), op(14, 15, "see a")]
    assert broken([lost(0, 10, "put a"), *early]) == ""
    assert broken([lost(0, 10, "put a"), *late])


def simulated(rng: random.Random, stale: float) -> list[Operation]:
    """What six clients see of a register; this often a read answers what it held two writes before."""
    values, made = [ABSENT, ABSENT, ABSENT], 0
    moments = sorted((rng.uniform(0, 10_000), client) for client in range(6) for _ in range(60))
    last: dict[int, float] = {}
    done = []
    for at, client in moments:
        began = max(last.get(client, 0), at - rng.uniform(0, 50))
        ended = last[client] = at + rng.uniform(0, 50)
        if began >= at:
            continue
        span, choice = (int(began * 1000), int(ended * 1000)), rng.random()
        if choice < 0.3:
            made += 1
            done.append(op(*span, f"put v{made}"))
            values.append(f"v{made}")
        elif choice < 0.4 and values[-1]:
            done.append(op(*span, "delete"))
            values.append(ABSENT)
        else:
            done.append(op(*span, f"see {values[-3 if rng.random() < stale else -1]}"))
    return done


@pytest.mark.parametrize("number", range(10))
def test_a_right_register_is_never_accused(number: int) -> None:
    assert broken(simulated(random.Random(number), 0)) == ""


def test_a_stale_cache_is_found() -> None:
    found = [broken(simulated(random.Random(number), 0.1)) for number in range(10)]
    assert all(found), found
