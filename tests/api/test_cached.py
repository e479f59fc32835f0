"""Answers kept: bounded, each with the generation of the index and the grant it was given under."""

import pytest

from registry.api.cached import LONGEST_BODY, LONGEST_REQUEST, MOST_BYTES, CachedAnswers
from registry.api.fast_answer import FastAnswer
from registry.auth.gate import Grant

GRANT = Grant("ada", 1e12)


def keep(cached: CachedAnswers[None], key: bytes, generation: tuple[int, int] | None, size: int = 0) -> None:
    cached.keep(key, len(key), generation, GRANT, FastAnswer([], b"x" * size), None)


def test_what_is_kept_is_kept_with_all_that_it_depends_on() -> None:
    cached: CachedAnswers[None] = CachedAnswers()
    keep(cached, b"request", (1, 7), 3)
    kept = cached.get(b"request")
    assert kept is not None
    assert (kept.generation, kept.grant, kept.answer.body) == ((1, 7), GRANT, b"xxx")
    keep(cached, b"request", (1, 8), 4)
    kept = cached.get(b"request")
    assert kept is not None
    assert (kept.generation, kept.answer.body) == ((1, 8), b"xxxx")


@pytest.mark.parametrize(
    ("key", "generation", "size"),
    [(b"request", None, 0), (b"r" * (LONGEST_REQUEST + 1), (1, 1), 0), (b"request", (1, 1), LONGEST_BODY + 1)],
)
def test_what_is_too_long_or_of_no_generation_is_not_kept(
    key: bytes, generation: tuple[int, int] | None, size: int
) -> None:
    cached: CachedAnswers[None] = CachedAnswers()
    keep(cached, key, generation, size)
    assert cached.get(key) is None


def test_the_oldest_make_room() -> None:
    cached: CachedAnswers[None] = CachedAnswers()
    most = MOST_BYTES // (LONGEST_BODY + 1024)
    for round_ in range(2):
        for number in range(most * 3):
            keep(cached, b"%d" % number, (1, round_), LONGEST_BODY)
        there = [number for number in range(most * 3) if cached.get(b"%d" % number)]
        assert most - 2 <= len(there) <= most
        assert there == list(range(most * 3 - len(there), most * 3))
