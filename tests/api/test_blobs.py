"""Blobs over HTTP: whole, in parts, or not at all because the client has them."""

from __future__ import annotations

import re
from email.parser import BytesParser

import pytest

from tests.application import Registry, digest_of, error_code

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 4
TARGET = f"/v2/app/blobs/{digest_of(DATA)}"


@pytest.fixture(autouse=True)
async def pushed(registry: Registry) -> None:
    await registry.push("app", DATA)


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [("0-0", 0, 0), ("0-9", 0, 9), ("1000-", 1000, 1023), ("-24", 1000, 1023), ("1000-9999", 1000, 1023)],
)
async def test_one_range(registry: Registry, given: str, start: int, end: int) -> None:
    answer = await registry.get(TARGET, range=f"bytes={given}")
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end}/1024"
    assert answer.headers["content-length"] == str(end - start + 1)
    assert answer.content == DATA[start : end + 1]


async def test_several_ranges(registry: Registry) -> None:
    answer = await registry.get(TARGET, range="bytes=0-9,100-199,-1")
    assert answer.status_code == 206
    assert answer.headers["content-length"] == str(len(answer.content))
    kind = answer.headers["content-type"]
    assert re.fullmatch(r"multipart/byteranges; boundary=[0-9a-f]{24}", kind)
    message = BytesParser().parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + answer.content)
    parts = [part for part in message.walk() if not part.is_multipart()]
    found = [(part["content-range"], part.get_payload(decode=True)) for part in parts]
    spans = [(0, 9), (100, 199), (1023, 1023)]
    assert found == [(f"bytes {start}-{end}/1024", DATA[start : end + 1]) for start, end in spans]


@pytest.mark.parametrize("given", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
async def test_beyond(registry: Registry, given: str) -> None:
    answer = await registry.get(TARGET, range=given)
    assert (answer.status_code, error_code(answer)) == (416, "RANGE_INVALID")
    assert answer.headers["content-range"] == "bytes */1024"


async def test_if_range(registry: Registry) -> None:
    own = f'"{digest_of(DATA)}"'
    for condition, status in ((own, 206), (f"W/{own}", 200), ('"other"', 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)):
        answer = await registry.request("GET", TARGET, headers={"range": "bytes=0-9", "if-range": condition})
        assert answer.status_code == status, condition


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_conditions(registry: Registry, method: str) -> None:
    own = f'"{digest_of(DATA)}"'
    for name, value, status in (
        ("if-none-match", own, 304),
        ("if-none-match", '"other"', 200),
        ("if-match", own, 200),
        ("if-match", "*", 200),
        ("if-match", '"other"', 412),
    ):
        answer = await registry.request(method, TARGET, headers={name: value})
        assert answer.status_code == status, (name, value)
        if status == 304:
            assert answer.headers["etag"] == own
            assert answer.content == b""


async def test_a_head_is_a_get_without_its_body(registry: Registry) -> None:
    get, head = await registry.get(TARGET), await registry.request("HEAD", TARGET)
    assert head.content == b""
    for name, value in get.headers.items():
        if name != "x-request-id":
            assert head.headers[name] == value
    for target in (f"/v2/app/blobs/{digest_of(b'missing')}", f"/v2/never/blobs/{digest_of(b'x')}"):
        get, head = await registry.get(target), await registry.request("HEAD", target)
        assert (get.status_code, head.status_code, head.content) == (404, 404, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
