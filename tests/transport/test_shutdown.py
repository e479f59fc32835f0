"""Draining: what is under way ends, idle connections close, and there is an end."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from tests.protocol.client import Closed, encode
from tests.transport.content import FILE, arrived, data
from tests.transport.server import running


def test_drain(loop: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("drain")
    (folder / "file").write_bytes(FILE)
    body = data(3 << 20)
    with running(folder, loop) as server:
        upload, download, fresh, idle, used = (server.connect() for _ in range(5))
        assert idle.request("GET", "/fast/1").status == 200
        assert used.request("GET", "/slow?seconds=0").status == 200
        wire = encode("POST", "/take", body=body)
        upload.send(wire[: 1 << 20])
        download.send(encode("GET", f"/file?count={len(FILE)}"))
        time.sleep(0.1)
        server.stop()
        for connection in (fresh, idle, used):
            assert connection.ended(2)
            connection.close()
        with pytest.raises(OSError):
            server.connect()
        upload.send(wire[1 << 20 :])
        response = upload.read()
        arrived(response, body)
        assert response.closes
        assert upload.ended()
        assert download.read().body == FILE
        assert download.ended()
        upload.close()
        download.close()


def test_drain_ends(loop: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    began = time.monotonic()
    with running(tmp_path_factory.mktemp("drain"), loop, drain=1) as server, server.connect() as connection:
        connection.send(encode("POST", "/take", {"Content-Length": "1000"}))
        time.sleep(0.1)
        server.stop()
        with suppress(Closed):  # an answer or the end
            connection.read()
    assert time.monotonic() - began < 4
    assert server.app.log == ["take: CancelledError"]
