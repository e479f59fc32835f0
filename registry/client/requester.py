"""Requests to one registry, authorised; an error of the registry is raised, every other answer given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urljoin

from registry.client.authorizer import Authorizer
from registry.client.challenge import parse
from registry.client.endpoint import Origin, origin_of
from registry.client.errors import InvalidAnswer, Unreachable
from registry.client.refusal import refusal
from registry.client.response import Response
from registry.client.transport import Body, Request, RetryPolicy, Transport

PULL = "pull"
PUSH = "pull,push"
DELETE = "delete"
CATALOG = frozenset({"registry:catalog:*"})


def scope(name: str, actions: str) -> frozenset[str]:
    """The scope of a repository for these actions, as tokens are asked for."""
    return frozenset({f"repository:{name}:{actions}"})


class Page(NamedTuple):
    """An answer, closed by now, and all its bytes."""

    answer: Response
    payload: bytes


class Requester:
    """`origin` is the registry; Authorization goes nowhere else."""

    def __init__(self, origin: Origin, transport: Transport, authorizer: Authorizer, retry: RetryPolicy) -> None:
        self.origin = origin
        self._transport = transport
        self._retry = retry
        self.authorizer = authorizer

    def send(
        self,
        method: str,
        url: str,
        scopes: frozenset[str],
        what: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        repeatable: bool = True,
    ) -> Response:
        """The answer, of status 2xx; to be closed. `url` may be relative to the registry, `what` begins error texts.

        Raises RegistryError for 400 and more, InvalidAnswer for the rest, Unreachable.
        """
        request = Request(method, urljoin(f"{self.origin}/", url), dict(headers or {}), body, repeatable)
        ours = origin_of(request.url) == self.origin
        shown = self.authorizer.header(scopes) if ours else ""
        answer = self._transport.send(_with(request, shown))
        if answer.status == 401 and ours and answer.origin == self.origin:
            challenges = parse(answer.headers.getlist("WWW-Authenticate"))
            next_shown = self.authorizer.challenged(challenges, scopes, shown)
            if next_shown:
                answer.close()
                answer = self._transport.send(_with(request, next_shown))
        if answer.status >= 400:
            raise refusal(answer, what if answer.origin == self.origin else f"{what}: {answer.origin.netloc} answered")
        if answer.status >= 300:
            answer.close()
            raise InvalidAnswer(f"{what}: {answer.origin.netloc} answered {answer.status}, which means nothing here")
        return answer

    def get(
        self, url: str, scopes: frozenset[str], what: str, limit: int, headers: Mapping[str, str] | None = None
    ) -> Page:
        """An answer with all its bytes, asked for again when the connection drops in the middle of them.

        Raises TooLarge when there are more than `limit`.
        """
        for attempt in range(1, self._retry.attempts):
            with self.send("GET", url, scopes, what, headers=headers) as answer:
                try:
                    return Page(answer, answer.body(limit))
                except Unreachable:
                    self._retry.wait(attempt)
        with self.send("GET", url, scopes, what, headers=headers) as answer:
            return Page(answer, answer.body(limit))


def _with(request: Request, shown: str) -> Request:
    if not shown:
        return request
    headers = {**request.headers, "Authorization": shown}
    return Request(request.method, request.url, headers, request.body, request.repeatable)
