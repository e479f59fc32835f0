"""Trying again, redirects, proxies: what happens below the calls."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Iterator

import pytest

from registry.client.client import Client
from registry.client.errors import (
    Denied,
    Dropped,
    InvalidAnswer,
    RegistryError,
    TooManyRequests,
    Unavailable,
    Unreachable,
)
from registry.client.response import Response
from registry.client.transport import Request, RetryPolicy, Transport, user_agent
from registry.client.trust import context
from tests.client.pushed import QUICK, opener
from tests.client.scripted import Asked, Reply, Scripted, scripted
from tests.protocol.content import digest_of

ERRORS = b'{"errors":[{"code":"DENIED","message":"not\\u001b[31m for\\nyou"},{"code":"UNSUPPORTED"}]}'


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(lambda: context("x"), retry=QUICK)
    yield made
    made.close()


def ask(transport: Transport, method: str, url: str, *, repeatable: bool = True, **headers: str) -> Response:
    with transport.send(Request(method, url, headers, repeatable=repeatable)) as answer:
        return answer


def failing(*statuses: int, then: int = 200, **headers: str) -> Iterator[Reply]:
    for status in statuses:
        yield Reply(status, b"", [(name.replace("_", "-"), value) for name, value in headers.items()])
    while True:
        yield Reply(then)


@pytest.mark.parametrize(
    ("statuses", "repeatable", "status", "times"),
    [
        ((503, 502, 504, 429), True, 200, 5),
        ((503,) * 9, True, 503, 5),
        ((429, 429), False, 200, 3),
        ((503,), False, 503, 1),
        ((500,), True, 500, 1),
    ],
)
def test_again(transport: Transport, statuses: tuple[int, ...], repeatable: bool, status: int, times: int) -> None:
    replies = failing(*statuses)
    with scripted(lambda _: next(replies)) as server:
        assert ask(transport, "GET", server.url, repeatable=repeatable).status == status
        assert len(server.asked) == times


def test_a_dropped_request(transport: Transport) -> None:
    """Sent again when it may be; the answer's head is what counts."""
    with scripted(lambda _: Reply(200, b"x", sent=0)) as server:
        assert ask(transport, "GET", server.url).status == 200
    with scripted(lambda _: None) as server:
        with pytest.raises(Dropped):
            ask(transport, "GET", server.url)
        assert len(server.asked) == QUICK.attempts
        with pytest.raises(Dropped):
            ask(transport, "PATCH", server.url, repeatable=False)
        assert len(server.asked) == QUICK.attempts + 1


def test_it_waits_as_long_as_it_is_asked_to(transport: Transport) -> None:
    replies = failing(429, Retry_After="1")
    with scripted(lambda _: next(replies)) as server:
        started = time.monotonic()
        assert ask(transport, "GET", server.url).status == 200
        assert 1.0 <= time.monotonic() - started < 1.9


def test_not_for_ever() -> None:
    with scripted(lambda _: Reply(429, b"", [("Retry-After", "3600")])) as server:
        with pytest.raises(TooManyRequests) as caught:
            Client(server.host, plain_http=True).login()
        assert (caught.value.retry_after, len(server.asked)) == (3600.0, 1)


def test_a_date_to_wait_for(transport: Transport) -> None:
    replies = failing(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    with scripted(lambda _: next(replies)) as server:
        assert ask(transport, "GET", server.url).status == 200


def test_pauses_grow_and_differ() -> None:
    retry = RetryPolicy(pause=0.01, longest_pause=0.02)
    waits = []
    for attempt in (1, 1, 2, 9):
        started = time.monotonic()
        retry.wait(attempt)
        waits.append(time.monotonic() - started)
    assert waits[0] >= 0.005
    assert all(wait < 0.2 for wait in waits)
    assert waits[2] >= 0.01


def test_redirects(transport: Transport) -> None:
    with scripted(lambda _: Reply(200, b"there")) as there:

        def here(asked: Asked) -> Reply:
            if asked.target == "/loop":
                return Reply(302, b"", [("Location", "/loop")])
            if asked.target == "/near":
                return Reply(301, b"", [("Location", "landed")])
            if asked.target == "/landed":
                return Reply(200)
            return Reply(307, b"", [("Location", f"{there.url}/far")])

        with scripted(here) as server:
            assert ask(transport, "HEAD", f"{server.url}/near", Authorization="x").url == f"{server.url}/landed"
            assert [asked.headers.get("authorization") for asked in server.asked] == ["x", "x"]
            assert (
                ask(transport, "GET", f"{server.url}/", Authorization="x", Range="bytes=1-").url == f"{there.url}/far"
            )
            assert "authorization" not in there.asked[0].headers
            assert there.asked[0].headers["range"] == "bytes=1-"
            with pytest.raises(InvalidAnswer, match="redirects more than 5 times"):
                ask(transport, "GET", f"{server.url}/loop")
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                with pytest.raises(InvalidAnswer, match=f"redirects a {method}"):
                    ask(transport, method, f"{server.url}/")
            with pytest.raises(InvalidAnswer, match="redirects a POST"):
                ask(transport, "POST", f"{server.url}/near")


def test_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the environment is asked for other machines, and never for this one."""

    def proxy(asked: Asked) -> Reply:
        return Reply(200, asked.target.encode())

    with scripted(proxy) as server, scripted(lambda _: Reply(200)) as near:
        monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//user:p%40ss@"))
        monkeypatch.setenv("NO_PROXY", "other.invalid")
        Client("far.invalid:5000", plain_http=True).login()
        assert [asked.target for asked in server.asked] == ["http://far.invalid:5000/v2/"]
        assert b64decode(server.asked[0].headers["proxy-authorization"].removeprefix("Basic ")) == b"user:p@ss"
        Client(near.host, plain_http=True).login()
        assert len(near.asked) == 1
        with pytest.raises(Unreachable, match=r"other\.invalid"):
            Client("other.invalid", plain_http=True, retry=QUICK).login()
        assert len(server.asked) == 1


def test_who_asks() -> None:
    with scripted(lambda _: Reply(200)) as server:
        Client(server.host, plain_http=True).login()
        headers = server.asked[0].headers
    assert headers["user-agent"] == user_agent()
    assert user_agent().startswith("entrepot/")
    assert headers["accept-encoding"] == "identity"


def test_connections_are_used_again(server_of_ok: Scripted) -> None:
    client = Client(server_of_ok.host, plain_http=True)
    for _ in range(3):
        client.login()
        client.has_blob("a", digest_of(b""))
    assert server_of_ok.connections == 1


@pytest.fixture
def server_of_ok() -> Iterator[Scripted]:
    with scripted(lambda _: Reply(200, b"{}")) as server:
        yield server


def test_the_words_of_a_registry() -> None:
    """Its codes for programs, its text for people: without what would act on their terminal."""
    with scripted(lambda _: Reply(403, ERRORS)) as server:
        with pytest.raises(Denied) as caught:
            Client(server.host, plain_http=True).login()
        assert caught.value.codes == {"DENIED", "UNSUPPORTED"}
        assert str(caught.value) == f"{server.host}: not [31m for you; UNSUPPORTED (403)"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors":5}', b'{"errors":[5]}', b"x" * 100_000])
def test_other_words(body: bytes) -> None:
    with scripted(lambda _: Reply(500, body)) as server:
        with pytest.raises(Unavailable) as caught:
            Client(server.host, plain_http=True).login()
        assert str(caught.value) == f"{server.host}: internal server error (500)"


@pytest.mark.parametrize("status", [304, 399])
def test_a_status_that_means_nothing(status: int) -> None:
    with scripted(lambda _: Reply(status)) as server, pytest.raises(InvalidAnswer):
        Client(server.host, plain_http=True).login()


def test_a_refusal_while_the_body_goes() -> None:
    """Answered before it was all sent, and the connection closed: the answer is what the caller hears."""

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply(202, b"", [("Location", "/up")])
        return Reply(413, b'{"errors":[{"code":"SIZE_INVALID","message":"too large"}]}')

    data = bytes(20_000_000)
    with scripted(answer, early="PATCH") as server, pytest.raises(RegistryError, match="too large") as caught:
        Client(server.host, plain_http=True, retry=QUICK).push_blob("a", digest_of(data), len(data), opener(data))
    assert caught.value.status == 413
