"""The body of a request, as far as its headers and its bytes agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.types import Message

from registry.api.dispatch import GONE
from registry.api.request import RequestBody, parse_digest
from registry.oci.errors import DigestInvalid, PayloadTooLarge, RegistryFault, SizeInvalid
from tests.application import AsgiExchange, Registry, error_code

pytestmark = pytest.mark.anyio


def body(headers: dict[bytes, bytes], *parts: bytes, ends: bool = True) -> RequestBody:
    """One that arrives in these parts; if it does not end, the client goes away."""

    def messages() -> Iterator[Message]:
        for number, part in enumerate(parts):
            last = ends and number == len(parts) - 1
            yield {"type": "http.request", "body": part, "more_body": not last}
        while True:
            yield {"type": "http.disconnect"}

    coming = messages()

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        raise AssertionError

    return RequestBody(headers, AsgiExchange({}, receive, send))


CHUNKED = {b"transfer-encoding": b"chunked"}


async def test_read() -> None:
    assert await body({b"content-length": b"6"}, b"abc", b"def").read(6) == b"abcdef"
    assert await body(CHUNKED, b"abc", b"def").read(6) == b"abcdef"
    assert await body({}).read(6) == b""


async def test_no_more_than_the_limit() -> None:
    for headers in ({b"content-length": b"7"}, CHUNKED):
        with pytest.raises(PayloadTooLarge):
            await body(headers, b"abcdefg").read(6)


async def test_a_length_that_is_not_the_bodys() -> None:
    for length in (b"2", b"4"):
        with pytest.raises(SizeInvalid):
            await body({b"content-length": length}, b"abc").read(100)


async def test_the_client_goes_away() -> None:
    for headers in ({b"content-length": b"6"}, CHUNKED):
        with pytest.raises(GONE):
            await body(headers, b"abc", ends=False).read(100)
        taken: list[bytes] = []
        with pytest.raises(GONE):
            await body(headers, b"abc", ends=False).take(taken.append)
        assert taken == [b"abc"]


async def test_take() -> None:
    taken: list[bytes] = []
    assert await body(CHUNKED, b"abc", b"", b"def").take(taken.append) == 6
    assert taken == [b"abc", b"def"]


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"1.5", b"1e3", b"0x1", b"9" * 19, b"1, 1"])
async def test_what_is_no_length_is_said_to_who_reads(length: bytes) -> None:
    made = body({b"content-length": length}, b"abc")
    assert made.length == 0
    for reading in (made.read(100), made.take(len)):
        with pytest.raises(SizeInvalid):
            await reading


async def test_a_request_with_such_a_length_is_answered(registry: Registry) -> None:
    headers = {"content-length": "9" * 19}
    for method, path in (("POST", "/v2/app/blobs/uploads/"), ("PUT", "/v2/app/manifests/latest")):
        answer = await registry.request(method, path, headers=headers)
        assert (answer.status_code, error_code(answer)) == (400, "SIZE_INVALID")
    assert (await registry.request("GET", "/v2/", headers=headers)).status_code == 200


def test_digests() -> None:
    assert str(parse_digest("sha256:" + "0" * 64)) == "sha256:" + "0" * 64
    with pytest.raises(DigestInvalid) as caught:
        parse_digest("x" * 5000)
    assert isinstance(caught.value, RegistryFault)
    assert len(str(caught.value.detail)) < 300
