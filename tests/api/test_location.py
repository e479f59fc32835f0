"""Locations are relative, unless the configuration says what the registry is called; links carry what they must."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api.location import next_link
from tests.application import Registry

pytestmark = pytest.mark.anyio


async def test_relative_unless_told_otherwise(registry: Registry) -> None:
    assert (await registry.start("app")).startswith("/v2/app/blobs/uploads/")


@pytest.mark.parametrize("url", ["https://registry.example", "https://registry.example/"])
async def test_public_url(tmp_path: Path, url: str) -> None:
    async with Registry(tmp_path / "root", {"server.public_url": url}) as registry:
        assert (await registry.start("app")).startswith("https://registry.example/v2/app/blobs/uploads/")


@pytest.mark.parametrize(
    ("headers", "start"),
    [
        ({}, "http://registry.test/v2/"),
        ({"host": "here:5000"}, "http://here:5000/v2/"),
        ({"host": "evil/"}, "/v2/"),
        ({"x-forwarded-proto": "https", "x-forwarded-host": "outer"}, "https://outer/v2/"),
    ],
)
async def test_absolute(tmp_path: Path, headers: dict[str, str], start: str) -> None:
    settings = {"server.absolute_locations": "true", "server.trusted_proxies": "127.0.0.1"}
    async with Registry(tmp_path / "root", settings) as registry:
        answer = await registry.request("POST", "/v2/app/blobs/uploads/", headers=headers)
        assert answer.headers["location"].startswith(start)
    async with Registry(tmp_path / "root", settings, client="192.0.2.1") as registry:
        answer = await registry.request("POST", "/v2/app/blobs/uploads/", headers=headers)
        assert "outer" not in answer.headers["location"]


@given(st.lists(st.tuples(st.sampled_from(["n", "last", "artifactType"]), st.text(max_size=30)), min_size=1))
def test_a_link_brings_its_query_back(query: list[tuple[str, str]]) -> None:
    name, value = next_link("/v2/_catalog", query)
    assert name == b"link"
    text = value.decode("ascii")
    target, _, parameters = text.removeprefix("<").partition(">")
    assert parameters == '; rel="next"'
    assert parse_qsl(urlsplit(target).query, keep_blank_values=True) == query
