"""The keys that detach."""

import pytest

from runtime.engine.keys import Keys


@pytest.mark.parametrize(
    ("typed", "passed", "detached"),
    [
        ([b"abc"], b"abc", False),
        ([b"a\x10\x11b"], b"a", True),
        ([b"\x10", b"\x11"], b"", True),
        ([b"\x10x"], b"\x10x", False),
        ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
        ([b"\x11\x10"], b"\x11", False),
    ],
)
def test_keys_are_found_however_they_come(typed: list[bytes], passed: bytes, detached: bool) -> None:
    keys = Keys(b"\x10\x11")
    found = [keys.take(each) for each in typed]
    assert b"".join(each for each, _ in found) == passed
    assert any(left for _, left in found) == detached


def test_without_keys_everything_passes() -> None:
    assert Keys(b"").take(b"\x10\x11") == (b"\x10\x11", False)
