"""An express answer that comes later: it stands where a cycle does, so that what the client sends next waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from registry.transport.application import Answer
from registry.transport.head import Head, Headers

if TYPE_CHECKING:
    from registry.transport.protocol import RegistryProtocol


class _Nobody:
    """Nobody waits for the body of a request that has none."""

    def set(self) -> None:
        pass


class Later:
    """Has of a cycle what the protocol asks of one."""

    message_event = _Nobody()
    lingers = False
    response_started = False

    def __init__(self, connection: RegistryProtocol, request: bytes | Head) -> None:
        """`request` in its bytes, if nobody has parsed it yet."""
        self._connection = connection
        self._request = request
        self.more_body = False
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    def told(self, answer: Answer | None) -> None:
        """Called once: write the answer; or have none, and go the long way."""
        connection = self._connection
        if self.disconnected or connection.transport.is_closing():
            self.response_complete = True
        elif answer is None:
            connection.go_the_long_way(self, self.head())
        else:
            connection.answer(answer)
            self.response_complete = True
            if not self.keep_alive:
                connection.transport.close()
            connection.on_response_complete()

    def cut(self) -> None:
        """The client is gone."""
        self.disconnected = True

    def head(self) -> Head:
        """The request, parsed."""
        return self._request if isinstance(self._request, Head) else _Parsed(self._request).head


class _Parsed:
    """Parses a request that was parsed before, so nothing can be wrong with it."""

    def __init__(self, request: bytes) -> None:
        self._url = b""
        self._headers: Headers = []
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(request)
        self.head = Head(parser.get_method(), parser.get_http_version(), self._url, self._headers)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))
