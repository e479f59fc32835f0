"""Ranges: RFC 9110 and the conformance suite by table, and against a plain model by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.oci.range import RangeUnsatisfiable, parse_content_range, parse_range


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=500-1499", [(500, 1499)]),
        ("bytes=500-", [(500, 1999)]),
        ("bytes=-500", [(1500, 1999)]),
        ("bytes=0-0", [(0, 0)]),
        ("bytes=-1", [(1999, 1999)]),
        ("bytes=-5000", [(0, 1999)]),
        ("bytes=1000-5000", [(1000, 1999)]),
        ("bytes=0-" + "9" * 5000, [(0, 1999)]),
        ("bytes=" + "0" * 5000 + "7-9", [(7, 9)]),
        ("bytes=-" + "9" * 5000, [(0, 1999)]),
        ("BYTES=1-2", [(1, 2)]),
        ("bytes= 1-2 ,\t3-4", [(1, 2), (3, 4)]),
        ("bytes=,1-2,,3-4,", [(1, 2), (3, 4)]),
        ("bytes=3-4,1-2", [(3, 4), (1, 2)]),
        ("bytes=1-2,5000-6000", [(1, 2)]),
        ("bytes=1-2,9-3", [(1, 2)]),
        ("bytes=0-999,1000-1999", [(0, 999), (1000, 1999)]),
    ],
)
def test_the_ranges_of_2000_bytes(header: str, ranges: list[tuple[int, int]]) -> None:
    assert parse_range(header, 2000) == ranges


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes=", "bytes=,", "items=0-1", "bytes 0-1", " bytes=0-1", "bytes=-", "bytes=a-b", "bytes=1"),
        *(
            "bytes=1-2-3",
            "bytes=1-2;3-4",
            "bytes=1-2,x",
            "bytes=+1-2",
            "bytes=1 -2",
            "bytes=\u0661-2",
            "bytes=0x1-2",
            "bytes=--1",
        ),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(17)),
        "bytes=" + "," * 30000 + ",".join(["0-0"] * 17),
        "bytes=0-,0-",
    ],
)
def test_a_header_to_ignore(header: str) -> None:
    assert parse_range(header, 2000) is None


@pytest.mark.parametrize("header", ["bytes=500-0", "bytes=5000-10000", "bytes=2000-", "bytes=-0", "bytes=3000-,-0,2-1"])
def test_a_range_that_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable, match="content of 2000 bytes"):
        parse_range(header, 2000)


def test_empty_content() -> None:
    for header in ("bytes=0-", "bytes=0-0", "bytes=-0", "bytes=-5", "bytes=5-"):
        assert parse_range(header, 0) is None


def test_the_number_of_ranges_is_a_setting() -> None:
    header = "bytes=0-0,1-1,2-2"
    assert parse_range(header, 10, 3) == [(0, 0), (1, 1), (2, 2)]
    assert parse_range(header, 10, 2) is None


@given(st.integers(0, 60), st.integers(0, 60) | st.none(), st.integers(0, 60) | st.none())
def test_one_range_is_what_a_slice_would_be(size: int, first: int | None, last: int | None) -> None:
    content = list(range(size))
    if first is None and last is None:
        return
    if first is None:
        expected = content[-last:] if last else []
    else:
        expected = content[first:] if last is None else content[first : last + 1]
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    try:
        found = parse_range(header, size)
    except RangeUnsatisfiable:
        assert expected == []
    else:
        assert expected == ([] if found is None else content[found[0][0] : found[0][1] + 1])


@pytest.mark.parametrize(
    ("header", "ends"),
    [
        ("0-1023", (0, 1023)),
        ("0-0", (0, 0)),
        ("bytes 0-1023/*", (0, 1023)),
        ("bytes 1024-2047/2048", (1024, 2047)),
        ("bytes=5-9", (5, 9)),
        (" 5-9 ", (5, 9)),
        (f"0-{2**63 - 1}", (0, 2**63 - 1)),
    ],
)
def test_the_place_of_a_chunk(header: str, ends: tuple[int, int]) -> None:
    assert parse_content_range(header) == ends


@pytest.mark.parametrize(
    "header",
    [
        *(
            "",
            "-",
            "0-",
            "-5",
            "5-4",
            "a-b",
            "0-1023/1023",
            "bytes 0-5/",
            "bytes */5",
            "items 0-5/6",
            "0-5,6-7",
            "0--1",
        ),
        *(f"0-{2**63}", "0-" + "9" * 5000, "\u0660-\u0661", "0 - 5", "+0-5"),
    ],
)
def test_a_chunk_without_a_place(header: str) -> None:
    with pytest.raises(ValueError, match="content range"):
        parse_content_range(header)
