"""Where a registry is, by its name."""

from __future__ import annotations

import pytest

from registry.client.endpoint import endpoint, origin_of
from registry.client.errors import InvalidAnswer, InvalidName


@pytest.mark.parametrize(
    ("host", "plain", "url"),
    [
        ("example.com", None, "https://example.com"),
        ("Example.com:5000", None, "https://example.com:5000"),
        ("example.com:80", True, "http://example.com"),
        ("docker.io", None, "https://registry-1.docker.io"),
        ("index.docker.io", None, "https://registry-1.docker.io"),
        ("localhost:5000", None, "http://localhost:5000"),
        ("127.8.9.1", None, "http://127.8.9.1"),
        ("[::1]:5000", None, "http://[::1]:5000"),
        ("localhost", False, "https://localhost"),
        ("10.0.0.1:5000", None, "https://10.0.0.1:5000"),
        ("localhost.example.com", None, "https://localhost.example.com"),
    ],
)
def test_endpoint(host: str, plain: bool | None, url: str) -> None:
    assert str(endpoint(host, plain)) == url
    assert origin_of(f"{url}/v2/") == endpoint(host, plain)


@pytest.mark.parametrize(
    "host", ["", "a/b", "http://a", "a:", "a:0", "a:70000", "user@a", "a b", "-a", "..", "[::1", "a\n", "[1.2.3]x"]
)
def test_no_host(host: str) -> None:
    with pytest.raises(InvalidName):
        endpoint(host)


@pytest.mark.parametrize("url", ["ftp://a/", "/v2/", "http://", "http://a:port/", "http://[::1/"])
def test_no_url(url: str) -> None:
    with pytest.raises(InvalidAnswer):
        origin_of(url)
