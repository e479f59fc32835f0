"""The WWW-Authenticate header, as registries write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.challenge import Challenge, parse

CASES = {
    "one": (
        ['Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"'],
        [Challenge("bearer", "https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull")],
    ),
    "comma in quotes": (
        ['Bearer realm="https://r/t",scope="repository:a:pull,push repository:b:pull"'],
        [Challenge("bearer", "https://r/t", "", "repository:a:pull,push repository:b:pull")],
    ),
    "spaces and case": (
        ['BEARER  Realm = "https://r/t" ,  SERVICE=plain , error="invalid_token"'],
        [Challenge("bearer", "https://r/t", "plain", "", "invalid_token")],
    ),
    "two in one header": (
        ['Bearer realm="https://r/t",service="s", Basic realm="words, with \\"quotes\\""'],
        [Challenge("bearer", "https://r/t", "s"), Challenge("basic", 'words, with "quotes"')],
    ),
    "two headers": (
        ['Basic realm="b"', 'Bearer realm="https://r/t"'],
        [Challenge("basic", "b"), Challenge("bearer", "https://r/t")],
    ),
    "no parameters": (["Negotiate", "Basic"], [Challenge("negotiate"), Challenge("basic")]),
    "no parameters, then another": (["Negotiate, Basic realm=x"], [Challenge("negotiate"), Challenge("basic", "x")]),
    "a token68": (["NTLM TlRMTVNTUAAC=="], [Challenge("ntlm")]),
    "nothing": ([""], []),
    "no grammar": (['"'], []),
    "cut off": (['Bearer realm="https://r/t",service="s'], [Challenge("bearer", "https://r/t")]),
}


@pytest.mark.parametrize("case", CASES)
def test_parse(case: str) -> None:
    headers, challenges = CASES[case]
    found = parse(headers)
    assert found[: len(challenges)] == challenges
    assert all(extra.scheme not in ("bearer", "basic") for extra in found[len(challenges) :])


def test_scopes() -> None:
    (found,) = parse(['Bearer realm="r",scope="repository:a:pull,push  repository:b:pull"'])
    assert found.scopes == {"repository:a:pull,push", "repository:b:pull"}


def test_a_long_one_costs_no_time() -> None:
    parse(["a " * 100_000, 'Bearer realm="' + "\\" * 100_000, "," * 100_000])


@given(st.text(max_size=200) | st.text('Bearer realm="\\,= \t', max_size=200))
def test_anything_is_read(text: str) -> None:
    for challenge in parse([text]):
        assert challenge.scheme == challenge.scheme.lower() != ""


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=255)), st.text(st.characters(codec="ascii", min_codepoint=32))
)
def test_what_is_quoted_is_found_again(realm: str, service: str) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = f"Bearer service={quoted(service)},realm={quoted(realm)},scope=a, Basic realm={quoted(realm)}"
    assert parse([header]) == [Challenge("bearer", realm, service, "a"), Challenge("basic", realm)]
