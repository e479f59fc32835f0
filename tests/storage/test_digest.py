"""Digests: what parses and what does not."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.digest import ALGORITHMS, Digest, hasher
from storage.errors import InvalidDigest

algorithms = st.sampled_from(sorted(ALGORITHMS))


@given(st.binary(), algorithms)
def test_of_and_back(data: bytes, algorithm: str) -> None:
    digest = Digest.of(data, algorithm)
    assert digest.hex == hashlib.new(algorithm, data).hexdigest()
    assert Digest.parse(str(digest)) == digest


@given(st.text() | st.builds(lambda a, h: f"{a}:{h}", algorithms, st.text("0123456789abcdefABCDEF:\n", max_size=130)))
def test_what_parses_is_what_it_says(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except InvalidDigest:
        return
    assert str(digest) == text
    assert len(digest.hex) == ALGORITHMS[digest.algorithm]
    assert set(digest.hex) <= set("0123456789abcdef")


GOOD = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "text",
    [
        "", "sha256", "sha256:", GOOD[:-1], GOOD + "a", GOOD + "\n", " " + GOOD, GOOD.upper(), "sha256:" + "A" * 64,
        "sha512:" + "a" * 64, "sha1:" + "a" * 40, "sha256:" + "\u0661" * 64, "sha256:../" + "a" * 61,
        "sha256+b:" + "a" * 64,
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    with pytest.raises(InvalidDigest, match=r"digest .* is not valid, use sha256:"):
        Digest.parse(text)


def test_unknown_algorithm() -> None:
    with pytest.raises(InvalidDigest, match="use one of sha256, sha512"):
        hasher("md5")
