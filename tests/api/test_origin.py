"""Who a request comes from: a proxy is believed when it is trusted, and only as far as the chain is trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api.origin import HOST, Origin, Origins

PROXY, FAR = "10.0.0.1", "192.0.2.7"
TRUSTED = ("10.0.0.0/8", "fd00::/8")


def origin(trusted: tuple[str, ...], peer: str | None, *headers: tuple[str, str], scheme: str = "http") -> Origin:
    """Of a request from this peer with these headers."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Origins(trusted).of({"client": (peer, 1) if peer else None, "scheme": scheme, "headers": raw})


def client(peer: str, *chain: str) -> str:
    return origin(TRUSTED, peer, *(("x-forwarded-for", value) for value in chain)).client


@pytest.mark.parametrize(
    ("peer", "chain", "expected"),
    [
        (PROXY, (), PROXY),
        (PROXY, (FAR,), FAR),
        (PROXY, (f"{FAR}, 10.9.9.9",), FAR),
        (PROXY, (f"1.1.1.1, {FAR}, 10.9.9.9",), FAR),
        (PROXY, (f"spoofed, {FAR}",), FAR),
        (PROXY, ("10.1.1.1, 10.2.2.2",), "10.1.1.1"),
        (PROXY, ("not an address",), PROXY),
        (PROXY, ("unknown, 10.2.2.2",), "10.2.2.2"),
        (PROXY, ("", " , "), PROXY),
        (PROXY, ("1.1.1.1", FAR), FAR),
        (PROXY, (FAR, "10.9.9.9"), FAR),
        (PROXY, ("2001:db8::1",), "2001:db8::1"),
        (PROXY, (f"::ffff:{FAR}",), FAR),
        (f"::ffff:{PROXY}", (FAR,), FAR),
        ("fd00::1", (FAR,), FAR),
        (FAR, ("1.1.1.1",), FAR),
        ("", ("1.1.1.1",), ""),
    ],
)
def test_clients(peer: str, chain: tuple[str, ...], expected: str) -> None:
    assert client(peer, *chain) == expected


def test_nobody_is_believed_unless_told() -> None:
    headers = (
        ("host", "real:5000"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-proto", "https"),
    )
    assert origin((), PROXY, *headers) == Origin(PROXY, "http", "real:5000")
    assert origin(TRUSTED, FAR, *headers) == Origin(FAR, "http", "real:5000")


def test_a_trusted_proxy_says_scheme_and_host() -> None:
    said = origin(
        TRUSTED, PROXY, ("host", "inner"), ("x-forwarded-host", "outer.example"), ("x-forwarded-proto", "HTTPS")
    )
    assert said == Origin(PROXY, "https", "outer.example")


def test_of_a_chain_the_nearest_says_scheme_and_host() -> None:
    said = origin(TRUSTED, PROXY, ("x-forwarded-host", "evil, outer"), ("x-forwarded-proto", "ftp, https"))
    assert (said.scheme, said.host) == ("https", "outer")


def test_a_scheme_that_is_none_is_not_believed() -> None:
    assert origin(TRUSTED, PROXY, ("x-forwarded-proto", "javascript"), scheme="https").scheme == "https"


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("registry", True),
        ("registry.example:5000", True),
        ("[::1]:5000", True),
        ("", False),
        ("evil/path", False),
        ("a b", False),
        ("a:b", False),
        ("a:123456", False),
        ("user@host", False),
        ("a\r\nx: y", False),
        ("h\xe4", False),
        ("a" * 300, False),
    ],
)
def test_hosts(host: str, good: bool) -> None:
    assert origin((), FAR, ("host", host)).host == (host if good else "")
    assert origin(TRUSTED, PROXY, ("x-forwarded-host", host)).host == (host if good else "")


@given(st.lists(st.text(alphabet=st.characters(max_codepoint=255), max_size=40), max_size=4))
def test_whatever_is_forwarded_names_an_address_or_the_proxy(chain: list[str]) -> None:
    found = client(PROXY, *chain)
    assert found == PROXY or set(found) <= set("0123456789abcdef.:%")


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_no_host_brings_more_than_a_host(text: str) -> None:
    found = origin((), FAR, ("host", text)).host
    assert found == "" or HOST.fullmatch(found)
    assert not set(found) & set("/\\@?#\r\n <>\"'")
