"""Strict JSON: equal to the standard reader on what all readers agree on, and a refusal of the rest."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.oci.strict_json import InvalidJson, loads

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=5)
    ),
    max_leaves=30,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def count(value: object) -> int:
    """How many values there are, with empty lists and objects as two."""
    if isinstance(value, (dict, list)):
        inner = list(value.values()) if isinstance(value, dict) else value
        return 1 + sum(map(count, inner)) + (not inner)
    return 1


@given(st.lists(values, min_size=1), st.integers(min_value=0, max_value=60), st.booleans())
def test_the_values_are_counted_exactly(value: object, limit: int, escaped: bool) -> None:
    payload = json.dumps(value, ensure_ascii=escaped).encode()
    if count(value) > limit:
        with pytest.raises(InvalidJson, match=f"more than {limit} values"):
            loads(payload, 100, limit)
    else:
        assert loads(payload, 100, limit) == value


@given(values, st.booleans())
def test_what_is_well_formed_is_read_as_it_is(value: object, escaped: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=escaped).encode(), 100) == value


@given(values, st.integers(min_value=0, max_value=8))
def test_the_depth_is_measured_exactly(value: object, limit: int) -> None:
    payload = json.dumps(value).encode()
    if depth(value) <= limit:
        assert loads(payload, limit) == value
    else:
        with pytest.raises(InvalidJson, match=f"nested deeper than {limit} levels"):
            loads(payload, limit)


@given(st.binary(max_size=200) | st.text('[]{}",:\\ \n01eE.-ntfu', max_size=60).map(str.encode))
def test_nothing_but_a_value_or_a_refusal_comes_of_any_bytes(payload: bytes) -> None:
    try:
        value = loads(payload, 4)
    except InvalidJson as error:
        position = error.position
    else:
        position = None
        assert value == json.loads(payload)
        assert depth(value) <= 4
    assert position is None or 0 <= position <= len(payload)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"a":1,"a":1}', "key 'a' is given twice"),
        (b'{"x":[{"a":1,"b":2,"\\u0061":3}]}', "key 'a' is given twice"),
        (b"NaN", "NaN is not a JSON value"),
        (b"[Infinity]", "Infinity is not"),
        (b"[-Infinity]", "-Infinity is not"),
        (b"1e999", "number 1e999 is out of range"),
        (b"-1e999", "out of range"),
        (b"1" * 5000, "too many digits"),
        (b'"\xff"', "not valid UTF-8 (at byte 1)"),
        (b'"\xed\xa0\x80"', "not valid UTF-8"),
        (b'"\xc0\x80"', "not valid UTF-8"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\uDFFFx":1}', "half of a surrogate pair"),
        (b"", "expecting value (at byte 0)"),
        (b"{} {}", "extra data (at byte 3)"),
        ('["é",]'.encode(), "(at byte 6)"),
        (b"{'a':1}", "at byte 1"),
        (b"\xef\xbb\xbf{}", "expecting value (at byte 0)"),
        (b'"\n"', "control character"),
        (b"[1,]", "at byte"),
        (b"// no\n{}", "at byte 0"),
    ],
)
def test_what_readers_disagree_on_is_refused(payload: bytes, said: str) -> None:
    with pytest.raises(InvalidJson) as refusal:
        loads(payload)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"text":"' + b"[{" * 100 + b'"}',
        b'{"text":"\\"' + b"[{" * 100 + b'\\\\"}',
        b'{"\\\\":"' + b"[" * 100 + b'","b":"' + b"{" * 100 + b'\\\\\\""}',
        b"[" + b",".join([b"{}"] * 1000) + b"]",
        b'"\\ud83d\\ude00"',
    ],
)
def test_brackets_in_strings_and_side_by_side_are_not_depth(payload: bytes) -> None:
    assert loads(payload, 2) == json.loads(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 2_000_000,
        b"[" * 1_000_000 + b"]" * 1_000_000,
        b'{"a":' * 400_000,
        b"[[]," * 500_000,
        b"[" * 40 + b'"' * 2_000_000,
        b"[" * 40 + b'"' + b'\\"' * 1_000_000,
        b"[" * 40 + b'"' + b"\\" * 2_000_001,
        b"]" * 2_000_000,
        b"[" + b'"\\\\",' * 500_000,
    ],
)
def test_hostile_bytes_are_refused_in_little_time(payload: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(InvalidJson):
        loads(payload)
    assert time.process_time() - begun < 2


def test_a_limit_beyond_the_interpreter_is_still_a_refusal() -> None:
    with pytest.raises(InvalidJson, match="nested too deeply"):
        loads(b"[" * 90_000 + b"]" * 90_000, 100_000)
