"""Entity tags, and conditions in any of their spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api.answer import Answer
from registry.api.conditional import check_match, conditions, etag, not_modified, tags_in, unchanged
from registry.api.origin import Origin
from registry.api.request import Request, RequestBody
from registry.auth.gate import Gate
from registry.auth.identity import Everyone
from registry.oci.errors import PreconditionFailed
from registry.services.conditions import Conditions
from tests.application import digest_of

OWN, OTHER = digest_of(b"own"), digest_of(b"other")


def request(*headers: tuple[str, str]) -> Request:
    """One with these headers, in these lines."""
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"method": "GET", "headers": raw, "query_string": b""}
    return Request(scope, RequestBody(dict(raw), b""), Origin("", "http", ""), "id", Gate(Everyone("full")))


@pytest.mark.parametrize(
    ("header", "tags", "strong"),
    [
        ('"a"', {"a"}, {"a"}),
        ('"a", "b"', {"a", "b"}, {"a", "b"}),
        ('"a","b",', {"a", "b"}, {"a", "b"}),
        ('W/"a"', {"a"}, set()),
        ('W/"a", "b"', {"a", "b"}, {"b"}),
        ("*", {"*"}, {"*"}),
        ('"*"', set(), set()),
        ('W/"*"', set(), set()),
        ("a", {"a"}, {"a"}),
        ("", set(), set()),
        (" , ", set(), set()),
        ('""', set(), set()),
    ],
)
def test_lists_of_tags(header: str, tags: set[str], strong: set[str]) -> None:
    assert tags_in(header) == tags
    assert tags_in(header, strong=True) == strong


@given(st.text(max_size=100))
def test_any_stands_alone(header: str) -> None:
    assert ("*" in tags_in(header)) == ("*" in [part.strip() for part in header.split(",")])
    assert tags_in(header, strong=True) <= tags_in(header)


def test_etag_is_strong_and_quoted() -> None:
    assert etag(OWN) == f'"{OWN}"'.encode()
    assert tags_in(etag(OWN).decode(), strong=True) == {OWN}


@pytest.mark.parametrize(
    ("lines", "modified"),
    [
        ((), True),
        ((f'"{OWN}"',), False),
        ((f'W/"{OWN}"',), False),
        (("*",), False),
        ((f'"{OTHER}"',), True),
        ((f'"{OTHER}", "{OWN}"',), False),
        ((f'"{OWN}"', f'"{OTHER}"'), False),
        ((f'"{OTHER}"', f'"{OWN}"'), False),
        (("",), True),
    ],
)
def test_if_none_match_on_reads(lines: tuple[str, ...], modified: bool) -> None:
    assert not_modified(request(*(("if-none-match", line) for line in lines)), OWN) is not modified


@pytest.mark.parametrize(
    ("lines", "meets"),
    [
        ((), True),
        ((f'"{OWN}"',), True),
        (("*",), True),
        ((f'"{OTHER}"', f'"{OWN}"'), True),
        ((f'"{OTHER}"',), False),
        ((f'W/"{OWN}"',), False),
        (('"*"',), False),
        (("",), False),
    ],
)
def test_if_match_on_reads(lines: tuple[str, ...], meets: bool) -> None:
    asked = request(*(("if-match", line) for line in lines))
    if meets:
        check_match(asked, "it", OWN)
    else:
        with pytest.raises(PreconditionFailed):
            check_match(asked, "it", OWN)


def test_conditions_of_a_change() -> None:
    assert conditions(request()) == Conditions()
    assert conditions(request(("if-match", "*"))) == Conditions(match=frozenset("*"))
    assert conditions(request(("if-match", f'W/"{OWN}"'))) == Conditions(match=frozenset())
    several = request(("if-none-match", "*"), ("if-none-match", f'"{OWN}"'))
    assert conditions(several) == Conditions(none_match=frozenset({"*", OWN}))


def test_unchanged_has_the_headers_and_no_body() -> None:
    answer = unchanged(Answer(200, [(b"content-type", b"x"), (b"etag", b'"y"')], b"body", length=4))
    assert answer == Answer(304, [(b"etag", b'"y"')])
