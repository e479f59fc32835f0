"""Bytes at a plain URL."""

from __future__ import annotations

import pytest

from registry.client.errors import InvalidAnswer, NotFound
from registry.client.url_fetch import blob_at
from tests.client.pushed import QUICK
from tests.client.scripted import Asked, Reply, scripted
from tests.protocol.content import noise

DATA = noise(300_000)


def test_read() -> None:
    sent = iter((1000, 50_000))

    def answer(asked: Asked) -> Reply:
        if asked.target == "/moved":
            return Reply(302, b"", [("Location", "/layer?key=secret")])
        if asked.target != "/layer?key=secret":
            return Reply(404, b"")
        return Reply(200, DATA, sent=next(sent, None))

    with scripted(answer) as server:
        with blob_at(f"{server.url}/moved", retry=QUICK) as reader:
            assert reader.read() == DATA
        with blob_at(f"{server.url}/layer?key=secret", offset=299_000) as reader:
            assert reader.read() == DATA[299_000:]
        with pytest.raises(NotFound, match="/nothing: not found") as caught:
            blob_at(f"{server.url}/nothing?key=secret")
        assert "secret" not in str(caught.value)
        assert all("authorization" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/layer", "ftp://127.0.0.1/x"])
def test_no_url(url: str) -> None:
    with pytest.raises(InvalidAnswer):
        blob_at(url)
