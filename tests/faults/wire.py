"""One HTTP connection to the registry under test, which tells an answer from an answer that was lost."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Cut(Exception):
    """The request was sent, at least in part, and no answer came back: it may or may not have been carried out."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def location(self) -> str:
        """Path and query of the Location header, whatever its host."""
        parts = urlsplit(self.headers.get("location", ""))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def errors(self) -> list[dict[str, object]]:
        """The errors of the spec's error body; raises ValueError when the body is not one."""
        content = json.loads(self.body)
        errors = content["errors"] if isinstance(content, dict) and "errors" in content else None
        if not isinstance(errors, list) or not errors or not all(isinstance(error, dict) for error in errors):
            raise ValueError(f"not an error body: {self.body[:200]!r}")
        return errors

    def brief(self) -> str:
        return f"{self.status} {self.body[:300].decode(errors='replace')}".strip()


class Wire:
    """A keep-alive connection to 127.0.0.1; it connects when first used and again after `close`."""

    def __init__(self, port: int, timeout: float = 20.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer; an iterable body goes out in chunks. Raises Cut."""
        sent = dict(headers or {})
        if body is None and method in {"POST", "PUT", "PATCH"}:
            sent["Content-Length"] = "0"
        whole = True
        try:
            try:
                self._connection.request(method, target, body, sent, encode_chunked=not isinstance(body, bytes))
            except (BrokenPipeError, ConnectionResetError):
                # A server that refuses early closes while the body is still going out; its answer may be readable.
                if self._connection.sock is None:
                    raise
                whole = False
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Cut(f"{method} {target}: {type(error).__name__}: {error}") from error
        if response.will_close or not whole:
            self.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def pour(self, head: bytes, body: bytes, pause: float) -> bytes:
        """Send these very bytes, whatever they are; answers all that comes back until half a second of silence."""
        self._connection.connect()
        peer = self._connection.sock
        with contextlib.suppress(OSError):
            peer.sendall(head if pause else head + body)
            if pause:
                time.sleep(pause)
                peer.sendall(body)
        peer.settimeout(0.5)
        received = b""
        with contextlib.suppress(OSError):
            while part := peer.recv(65536):
                received += part
        self.close()
        return received

    def close(self) -> None:
        """Close; the next request makes a new connection, which another worker may get."""
        self._connection.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def accepts(port: int) -> bool:
    """Whether anything listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
