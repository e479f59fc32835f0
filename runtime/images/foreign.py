"""Layers that live elsewhere: fetched from the URLs that their descriptors name (image-spec, descriptor.md, "urls")."""

from typing import BinaryIO, Final, cast
from urllib.parse import urlsplit

import urllib3

from registry.client.errors import Dropped, NotFound, Unreachable
from registry.oci.descriptor import Descriptor

_TIMEOUT: Final = 60.0
_OK, _PARTIAL = 200, 206
_BLOCK: Final = 1024 * 1024


class _Body:
    """An answer's bytes as they come."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, url: str) -> None:
        self._answer = answer
        self._url = url

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes. Raises Dropped."""
        try:
            return self._answer.read(None if size < 0 else size, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise Dropped(f"{self._url}: the connection ended too early ({type(error).__name__})") from error

    def close(self) -> None:
        self._answer.close()

    def __enter__(self) -> "_Body":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def opened(url: str, offset: int = 0) -> BinaryIO:
    """What a URL has, from an offset on. Raises NotFound when it has nothing, Unreachable."""
    shown = urlsplit(url)
    if shown.scheme not in ("http", "https") or not shown.hostname:
        raise NotFound(f"{url[:200]} is not a URL of http or https", 404)
    what = f"{shown.scheme}://{shown.hostname}{shown.path}"
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=urllib3.Retry(connect=2, read=0, redirect=5))
        answer = pool.request("GET", url, headers=headers, preload_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(f"{what} cannot be reached ({type(error).__name__})") from error
    if answer.status not in (_OK, _PARTIAL):
        answer.close()
        raise NotFound(f"{what} answered {answer.status}", answer.status)
    body = _Body(answer, what)
    if answer.status == _OK:
        _skip(body, offset)
    return cast(BinaryIO, body)


def blob(descriptor: Descriptor, offset: int) -> BinaryIO:
    """The bytes of a layer, from the first of its URLs that answers. Raises NotFound, Unreachable."""
    last: Exception = NotFound(f"{descriptor.digest} has no URLs", 404)
    for url in descriptor.urls or ():
        try:
            return opened(url, offset)
        except (NotFound, Unreachable) as error:
            last = error
    raise last


def _skip(body: _Body, count: int) -> None:
    """Read on to where an earlier try ended: this server knows no ranges."""
    while count > 0 and (data := body.read(min(count, _BLOCK))):
        count -= len(data)
