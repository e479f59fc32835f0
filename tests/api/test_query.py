"""Query strings and page sizes."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api.query import MOST_FIELDS, page_size, parse_query, readable
from registry.oci.errors import PageInvalid, QueryInvalid


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"", {}),
        (b"n=10&last=a", {"n": ["10"], "last": ["a"]}),
        (b"tag=a&tag=b", {"tag": ["a", "b"]}),
        (b"n=", {"n": [""]}),
        (b"n", {"n": [""]}),
        (b"digest=sha256%3Aabc", {"digest": ["sha256:abc"]}),
        (b"digest=sha256:abc", {"digest": ["sha256:abc"]}),
        (b"artifactType=a%2Bb", {"artifactType": ["a+b"]}),
        (b"artifactType=a+b&tag=c+d", {"artifactType": ["a+b"], "tag": ["c+d"]}),
        (b"last=a%20b", {"last": ["a b"]}),
        (b"last=\xc3\xa4&n=%C3%A4", {"last": ["\xe4"], "n": ["\xe4"]}),
        (b"tag=%ff", {"tag": ["\N{REPLACEMENT CHARACTER}"]}),
        (b"tag=\xff", {"tag": ["\N{REPLACEMENT CHARACTER}"]}),
        (b"tag=%00", {"tag": ["\N{REPLACEMENT CHARACTER}"]}),
        (b"&&n=1&", {"n": ["1"]}),
    ],
)
def test_queries(raw: bytes, values: dict[str, list[str]]) -> None:
    assert parse_query(raw) == values


def test_too_many_parameters() -> None:
    assert parse_query(b"&".join([b"a=1"] * MOST_FIELDS)) == {"a": ["1"] * MOST_FIELDS}
    with pytest.raises(QueryInvalid):
        parse_query(b"&".join([b"a=1"] * (MOST_FIELDS + 1)))


@pytest.mark.parametrize("raw", [b"last=%ff", b"last=\xff", b"last=%00", b"last=a%ff"])
def test_what_cannot_be_read(raw: bytes) -> None:
    (value,) = parse_query(raw)["last"]
    with pytest.raises(PageInvalid, match="last"):
        readable("last", value)


def test_what_can_be_read() -> None:
    assert [readable("last", value) for value in (None, "", "a", "\xe4")] == ["", "", "a", "\xe4"]


TEXT = st.characters(codec="utf-8", exclude_characters="\0")


@given(st.lists(st.tuples(st.text(TEXT, min_size=1, max_size=8), st.text(TEXT, max_size=20)), max_size=MOST_FIELDS))
def test_what_a_client_encodes_is_read(pairs: list[tuple[str, str]]) -> None:
    expected: dict[str, list[str]] = {}
    for name, value in pairs:
        expected.setdefault(name, []).append(value)
    assert parse_query(urlencode(pairs, quote_via=quote).encode()) == expected


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    with suppress(QueryInvalid):
        assert all(values for values in parse_query(raw).values())


@pytest.mark.parametrize(
    ("values", "size"),
    [
        (None, 100),
        ([], 100),
        ([""], 100),
        (["0"], 0),
        (["1"], 1),
        (["100"], 100),
        (["101"], 100),
        (["007"], 7),
        (["9" * 400], 100),
        (["5", "6"], 6),
    ],
)
def test_page_sizes(values: list[str] | None, size: int) -> None:
    assert page_size(values, 100) == size


@pytest.mark.parametrize(
    "text", ["-1", "+1", "1.0", "1e3", "ten", " 1", "\N{ARABIC-INDIC DIGIT ONE}", "\N{SUPERSCRIPT TWO}", "0x10"]
)
def test_what_is_no_page_size(text: str) -> None:
    with pytest.raises(PageInvalid):
        page_size([text], 100)


@given(st.text(max_size=30))
def test_a_page_size_is_within_bounds_or_refused(text: str) -> None:
    try:
        assert 0 <= page_size([text], 100) <= 100
    except PageInvalid:
        assert text
        assert not (text.isascii() and text.isdigit())
