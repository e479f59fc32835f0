"""Answers kept: bounded, and good for one generation of the index."""

from registry.api.kept import LONGEST_BODY, LONGEST_REQUEST, MOST_BYTES, Found, Kept


def found(size: int = 0) -> Found:
    return Found("manifest", b"head", b"x" * size)


def test_one_generation() -> None:
    kept, answer = Kept(), found()
    kept.keep(b"request", (1, 7), answer)
    assert kept.find(b"request", lambda: (1, 7)) is answer
    assert kept.find(b"request", lambda: (1, 8)) is None
    assert kept.find(b"request", lambda: (2, 7)) is None
    assert kept.find(b"request", lambda: None) is None
    assert kept.find(b"another", lambda: (1, 7)) is None


def test_what_is_too_long_or_of_no_generation_is_not_kept() -> None:
    kept = Kept()
    kept.keep(b"request", None, found())
    assert kept.find(b"request", lambda: None) is None
    kept.keep(b"r" * (LONGEST_REQUEST + 1), (1, 1), found())
    assert kept.find(b"r" * (LONGEST_REQUEST + 1), lambda: (1, 1)) is None
    kept.keep(b"request", (1, 1), found(LONGEST_BODY + 1))
    assert kept.find(b"request", lambda: (1, 1)) is None


def test_the_oldest_make_room() -> None:
    kept = Kept()
    most = MOST_BYTES // (LONGEST_BODY + 1024)
    for round_ in range(2):
        for number in range(most * 3):
            kept.keep(b"%d" % number, (1, round_), found(LONGEST_BODY))
        there = [number for number in range(most * 3) if kept.find(b"%d" % number, lambda: (1, round_))]  # noqa: B023
        assert most - 2 <= len(there) <= most
        assert there == list(range(most * 3 - len(there), most * 3))
