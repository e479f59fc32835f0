"""Names and tags: the spec's grammar by table, and that whatever is built by it is accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.oci.reference import valid_name, valid_tag


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "0",
        "library/ubuntu",
        "a.b",
        "a_b",
        "a__b",
        "a-b",
        "a---b",
        "a/b/c/d",
        "1.2/3-4",
        "x" * 255,
        "a/" * 127 + "a",
    ],
)
def test_names_of_the_grammar_are_valid(name: str) -> None:
    assert valid_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "A", "a/", "/a", "a//b", "a..b", "a___b", "a._b", "-a", "a-", ".a", "a.", "_a", "a_", "a/B", "a b"),
        *(
            "a\n",
            "a\x00",
            "é",
            "..",
            "a/../b",
            "a/_uploads",
            "a:b",
            "a@b",
            "x" * 256,
            "a/" * 128 + "a",
            "\uff41",
            "\u0661",
        ),
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not valid_name(name)


@pytest.mark.parametrize("tag", ["a", "A", "_", "0", "latest", "v1.0", "a-b_c.D", "x" * 128, "__", "a..b"])
def test_tags_of_the_grammar_are_valid(tag: str) -> None:
    assert valid_tag(tag)


@pytest.mark.parametrize(
    "tag", ["", ".a", "-a", "x" * 129, "a/b", "a:b", "a b", "a\n", "é", "a+b", "sha256:abc", "\u0661"]
)
def test_other_tags_are_not(tag: str) -> None:
    assert not valid_tag(tag)


@given(st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*", fullmatch=True))
def test_a_name_by_the_spec_is_valid_up_to_255(name: str) -> None:
    assert valid_name(name) == (len(name) <= 255)


@given(st.text(max_size=300))
def test_a_valid_name_is_safe_as_a_path(name: str) -> None:
    if valid_name(name):
        assert name.isascii()
        assert name == name.lower()
        assert all(part and part[0].isalnum() and part[-1].isalnum() for part in name.split("/"))


def test_a_hostile_name_is_answered_at_once() -> None:
    assert not valid_name("a" + "-" * 253 + "!")
    assert not valid_name("a-" * 2_000_000)
    assert not valid_tag("a" * 4_000_000)
