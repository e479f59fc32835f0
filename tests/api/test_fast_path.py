"""The fast path behind proxies and for pages of other origins: the same answers, and the client that is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from registry.transport.head import Head
from tests.application import Registry

pytestmark = pytest.mark.anyio

PROXY, OTHER_PROXY, STRANGER = ("10.0.0.1", 1), ("10.0.0.2", 1), ("192.0.2.99", 1)
BEHIND = {"server.trusted_proxies": "10.0.0.0/8", "log.access": "true"}
URL = b"/v2/app/manifests/latest"


def ask(registry: Registry, client: tuple[str, int], **headers: str) -> tuple[bytes, bytes]:
    """The answer, from what was kept for the same bytes if anything was."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    raw = b"GET " + URL + b"".join(b"\r\n%b: %b" % header for header in given)
    answer = registry.app.cached(raw, client) or registry.app.fast(Head(b"GET", "1.1", URL, given), client, raw)
    assert isinstance(answer, tuple), headers
    return answer


def said(answer: tuple[bytes, bytes]) -> dict[str, str]:
    """The headers of an answer."""
    lines = answer[1].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def started(root: Path, settings: Mapping[str, str]) -> Registry:
    logged = {"log.access_file": str(root / "access.log")} if "log.access" in settings else {}
    registry = Registry(root, {**settings, **logged})
    await registry.push_image("app", "latest")
    return registry


def clients(registry: Registry, count: int) -> list[str]:
    """Of the last requests, as the access log has them."""
    registry.app._access_log.flush()
    lines = (registry.root / "access.log").read_text().splitlines()
    return [json.loads(line)["client"] for line in lines[-count:]]


async def test_the_client_is_the_one_that_a_trusted_proxy_names(tmp_path: Path) -> None:
    async with await started(tmp_path, BEHIND) as registry:
        asked = [
            (PROXY, "192.0.2.1", "192.0.2.1"),
            (PROXY, "192.0.2.2", "192.0.2.2"),
            (PROXY, "192.0.2.1", "192.0.2.1"),
            (PROXY, "6.6.6.6, 192.0.2.3, 10.0.0.9", "192.0.2.3"),
            (OTHER_PROXY, "192.0.2.1", "192.0.2.1"),
            # The very bytes that a proxy has sent, from one that is none.
            (STRANGER, "192.0.2.1", STRANGER[0]),
            (PROXY, "192.0.2.1", "192.0.2.1"),
            (("::ffff:192.0.2.98", 1), "192.0.2.1", "192.0.2.98"),
        ]
        for client, forwarded, _ in asked:
            ask(registry, client, host="x", x_forwarded_for=forwarded)
        assert clients(registry, len(asked)) == [expected for _, _, expected in asked]


async def test_without_trusted_proxies_nobody_is_named(tmp_path: Path) -> None:
    async with await started(tmp_path, {"log.access": "true"}) as registry:
        for client in (PROXY, STRANGER, PROXY):
            ask(registry, client, x_forwarded_for="192.0.2.1")
        assert clients(registry, 3) == [PROXY[0], STRANGER[0], PROXY[0]]


async def test_the_same_bytes_of_other_clients_are_their_own_requests(tmp_path: Path) -> None:
    async with await started(tmp_path, {"log.access": "true"}) as registry:
        for client in (PROXY, STRANGER, PROXY):
            ask(registry, client, host="x")
        assert clients(registry, 3) == [PROXY[0], STRANGER[0], PROXY[0]]


@pytest.mark.parametrize("settings", [{}, BEHIND, {"cors.allow_origins": "https://ui.test"}])
async def test_a_request_id_is_taken_over(tmp_path: Path, settings: dict[str, str]) -> None:
    async with await started(tmp_path, settings) as registry:
        for number in ("12345678", "12345678", "abcdefgh"):
            assert said(ask(registry, PROXY, x_request_id=number))["x-request-id"] == number
        assert len({said(ask(registry, PROXY, x_request_id="short"))["x-request-id"] for _ in range(3)}) == 3


async def test_pages_of_other_origins_get_what_handlers_give_them(tmp_path: Path) -> None:
    async with await started(tmp_path, {"cors.allow_origins": "https://ui.test,https://other.test"}) as registry:
        for _ in range(2):
            for origin in ("https://ui.test", "https://other.test", "https://evil.test"):
                fast, slow = said(ask(registry, PROXY, origin=origin)), await registry.get(URL.decode(), origin=origin)
                for headers in (fast, slow.headers):
                    allowed = headers.get("access-control-allow-origin")
                    assert allowed == (None if "evil" in origin else origin)
                    assert "origin" in headers["vary"].lower()
                assert fast.get("access-control-expose-headers") == slow.headers.get("access-control-expose-headers")
            plain = said(ask(registry, PROXY))
            assert not [name for name in plain if name.startswith("access-control")]
            assert plain["vary"] == "Origin"


async def test_a_tag_that_moves_is_seen_through_every_proxy(tmp_path: Path) -> None:
    async with await started(tmp_path, BEHIND) as registry:
        for seed in ("one", "two"):
            payload = await registry.push_image("app", "latest", seed)
            for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
                assert ask(registry, PROXY, x_forwarded_for=client)[1].endswith(payload)
