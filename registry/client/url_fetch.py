"""Bytes at a plain URL, outside of any registry: layers whose descriptor has `urls`, archives to import."""

from __future__ import annotations

from urllib.parse import urlsplit

from registry.client import trust
from registry.client.blob_reader import BlobReader
from registry.client.endpoint import origin_of
from registry.client.errors import InvalidAnswer
from registry.client.refusal import refusal
from registry.client.response import Response
from registry.client.transport import Request, RetryPolicy, Transport


def blob_at(
    url: str,
    *,
    size: int | None = None,
    offset: int = 0,
    insecure: bool = False,
    timeout: float = 60.0,
    retry: RetryPolicy | None = None,
) -> BlobReader:
    """See `distribution.Reader`; nothing is shown to the server but the URL. Raises InvalidAnswer: it is no URL."""
    origin = origin_of(url)
    what = f"{origin}{urlsplit(url).path}"  # a query may carry a secret
    retry = retry or RetryPolicy()
    transport = Transport(
        lambda: trust.context(origin.netloc, insecure=insecure), timeout=timeout, insecure=insecure, retry=retry
    )

    def ask(start: int) -> Response:
        headers = {"Range": f"bytes={start}-"} if start else {}
        answer = transport.send(Request("GET", url, headers))
        if answer.status >= 400:
            raise refusal(answer, what)
        if answer.status >= 300:
            answer.close()
            raise InvalidAnswer(f"{what}: the answer is {answer.status}, which means nothing here")
        return answer

    return BlobReader(ask, what, retry, size=size, offset=offset)
