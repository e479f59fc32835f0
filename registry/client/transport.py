"""HTTP over urllib3: connections, timeouts, redirects, and trying again what may be tried again.

A request is sent again when the registry could not be reached or said 429. When it was dropped on the way or answered
502, 503 or 504, only if `repeatable`: nothing is harmed when the registry did it, and does it twice.
A redirect to another origin goes without what was meant for this one alone: Authorization.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import TypeAlias
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import InsecureRequestWarning

from registry.client.endpoint import Origin, origin_of
from registry.client.errors import InvalidAnswer, NoTls, UnknownHost, Unreachable, Untrusted
from registry.client.head import POOLS
from registry.client.proxies import proxy_for, proxy_headers
from registry.client.response import Response
from registry.client.translate import translating

Body: TypeAlias = bytes | Callable[[], Generator[bytes, None, None]]
"""Bytes, or what gives them anew for each attempt, their number then in Content-Length."""

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})
_BUSY = 429
_TROUBLED = frozenset({502, 503, 504})
_CONNECTIONS = 16
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to insist. Seconds; the pause doubles with each attempt, and chance shortens it by up to half.

    A Retry-After of more than `longest_wait` is not waited for: the caller is told.
    """

    attempts: int = 6
    pause: float = 0.1
    longest_pause: float = 10.0
    longest_wait: float = 60.0

    @property
    def longer(self) -> RetryPolicy:
        """For a transfer that had begun: what it got so far is worth half a minute of a registry that restarts."""
        return replace(self, pause=self.pause * 10)

    def wait(self, attempt: int, asked: float | None = None) -> None:
        """Sleep after the attempt of this number, counted from 1."""
        pause = min(self.pause * 2 ** (attempt - 1), self.longest_pause)
        # Chance keeps many clients that failed together from coming back together.
        time.sleep((asked or 0.0) + pause * random.uniform(0.5, 1.0))  # noqa: S311 - nothing secret


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an absolute URL."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = field(default=None, repr=False)
    repeatable: bool = True


class Transport:
    """Sends requests. Safe to call from several threads.

    `timeout` (seconds) is for connecting and for each wait for bytes; `tls` makes the context when it is first needed.
    """

    def __init__(
        self,
        tls: Callable[[], ssl.SSLContext],
        *,
        timeout: float = 60.0,
        insecure: bool = False,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._make_context = tls
        self._context: ssl.SSLContext | None = None
        self._timeout = urllib3.Timeout(connect=min(timeout, 15.0), read=timeout)
        self._retry = retry or RetryPolicy()
        self._pools: dict[tuple[str, str | None], urllib3.PoolManager] = {}
        self._lock = Lock()
        if insecure:
            urllib3.disable_warnings(InsecureRequestWarning)

    def send(self, request: Request) -> Response:
        """The answer, whatever its status; its body is not read yet. Raises Unreachable, InvalidAnswer."""
        for attempt in range(1, self._retry.attempts):
            asked: float | None = None
            try:
                answer = self.once(request)
            except Unreachable as error:
                if not _again(request, error):
                    raise
            else:
                asked = retry_after(answer)
                if not _troubled(request, answer) or (asked or 0.0) > self._retry.longest_wait:
                    return answer
                answer.close()
            self._retry.wait(attempt, asked)
        return self.once(request)

    def close(self) -> None:
        """Close idle connections; it can be used again."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.clear()

    def once(self, request: Request) -> Response:
        """As `send`, without trying again."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._exchange(request)
            if answer.status not in _REDIRECTS or not answer.header("Location"):
                return answer
            answer.close()
            request = _redirected(request, urljoin(request.url, answer.header("Location")), answer.status)
        raise InvalidAnswer(f"{origin_of(request.url).netloc} redirects more than {_MOST_REDIRECTS} times")

    def _exchange(self, request: Request) -> Response:
        origin = origin_of(request.url)
        pool = self._pool(origin)
        made = request.body() if callable(request.body) else None
        # A generator left in the middle holds a file open.
        with translating(origin.netloc), closing(made) if made is not None else nullcontext():
            response = pool.urlopen(
                request.method,
                request.url,
                body=request.body if made is None else made,
                headers={"User-Agent": user_agent(), "Accept-Encoding": "identity"} | dict(request.headers),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=self._timeout,
            )
        return Response(response, request.url)

    def _pool(self, origin: Origin) -> urllib3.PoolManager:
        proxy = proxy_for(origin)
        with self._lock:
            found = self._pools.get((origin.scheme, proxy))
            if found is None:
                found = self._pools[origin.scheme, proxy] = self._made(origin.scheme, proxy)
            return found

    def _made(self, scheme: str, proxy: str | None) -> urllib3.PoolManager:
        if scheme == "https" and self._context is None:
            self._context = self._make_context()
        context = self._context if scheme == "https" else None
        if proxy is None:
            made = urllib3.PoolManager(8, maxsize=_CONNECTIONS, ssl_context=context, blocksize=_BLOCK)
        else:
            made = urllib3.ProxyManager(
                proxy,
                8,
                proxy_headers=proxy_headers(proxy),
                maxsize=_CONNECTIONS,
                ssl_context=context,
                blocksize=_BLOCK,
            )
        made.pool_classes_by_scheme = POOLS
        return made


def retry_after(answer: Response) -> float | None:
    """Seconds that the Retry-After header asks to wait, None when it does not (RFC 9110, 10.2.3)."""
    text = answer.header("Retry-After").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


@cache
def user_agent() -> str:
    """The name and version of this program."""
    try:
        return f"entrepot/{version('entrepot')}"
    except PackageNotFoundError:
        return "entrepot"


def _again(request: Request, error: Unreachable) -> bool:
    """Whether a request that got no answer may be sent again: always when it never left."""
    if isinstance(error, (NoTls, Untrusted, UnknownHost)):
        return False
    return request.repeatable or type(error) is Unreachable


def _troubled(request: Request, answer: Response) -> bool:
    return answer.status == _BUSY or (request.repeatable and answer.status in _TROUBLED)


def _redirected(request: Request, url: str, status: int) -> Request:
    """The request that a redirect asks for. Raises InvalidAnswer: this one must not go elsewhere."""
    here, there = origin_of(request.url), origin_of(url)
    reads = request.method in ("GET", "HEAD")
    if not reads and (status not in _SAME_METHOD or here != there):
        raise InvalidAnswer(f"{here.netloc} redirects a {request.method} to {there}; push to that registry instead")
    headers = dict(request.headers)
    if here != there:
        headers.pop("Authorization", None)
    return replace(request, url=url, headers=headers)
